struct event {
	__u32 pid, parent, grandparent;
	__u16 port;
	__u8 first_byte;
	char comm[16];
};
