struct event {
    unsigned int pid;
    int parent;
    char command[16];
};
