struct event {
    unsigned int pid;
    char line[80];
};
