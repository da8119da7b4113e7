struct event {
    unsigned int pid;
    char command[16];
    char path[60];
};
