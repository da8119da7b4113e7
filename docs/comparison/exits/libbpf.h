struct event {
    unsigned int pid;
    int code;
    char command[16];
};
