struct event {
    unsigned int pid;
    unsigned char address[4];
    unsigned short port;
    char command[16];
};
