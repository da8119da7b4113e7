/* Starts a process from a small one and says what it took: a child's peak memory begins with that of whoever forks. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	struct timespec start, end;
	struct rusage usage;
	int status;
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid_t child = vfork();
	if (!child) {
		execvp(arguments[1], arguments + 1);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) != child)
		return 126;
	clock_gettime(CLOCK_MONOTONIC, &end);
	fprintf(stderr, "\n%f %f %f\n", (end.tv_sec - start.tv_sec) * 1e3 + (end.tv_nsec - start.tv_nsec) / 1e6,
		(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3,
		usage.ru_maxrss / 1024.0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
