/* Looks names up with getaddrinfo, A and AAAA together, and asks each for a page: main PORT NAME...
   PORT 0: only looks up. Prints how many addresses and how many pages there were.
   With WAIT_FOR_ANSWERS in the environment, each query waits until the one before it has its answer. */

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/sock_diag.h: the words of SO_MEMINFO, of which the first is what waits to be read. */
#define MEMORY_WORDS 9

/* Memory of the datagrams that wait in the socket. */
static unsigned waiting(int sock)
{
	unsigned memory[MEMORY_WORDS] = { 0 };
	socklen_t size = sizeof memory;

	getsockopt(sock, SOL_SOCKET, SO_MEMINFO, memory, &size);
	return memory[0];
}

/* In place of the C library's, which its resolver calls for each query and server. */
ssize_t sendto(int sock, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
	unsigned before = waiting(sock);
	ssize_t sent = syscall(SYS_sendto, sock, bytes, length, flags, to, size);

	for (int turns = 0; getenv("WAIT_FOR_ANSWERS") && waiting(sock) == before && turns < 5000; turns++)
		poll(NULL, 0, 1);
	return sent;
}

static int page(const struct addrinfo *at, const char *name)
{
	char buffer[4096];
	ssize_t length;
	size_t received = 0;
	int sock = socket(at->ai_family, SOCK_STREAM, 0);

	if (sock < 0)
		return 0;
	if (connect(sock, at->ai_addr, at->ai_addrlen) == 0) {
		/* No Host field: only the lookup tells the host's name. */
		dprintf(sock, "GET / HTTP/1.0\r\nX-Name-Length: %zu\r\n\r\n", strlen(name));
		while ((length = read(sock, buffer, sizeof buffer)) > 0)
			received += length;
	}
	close(sock);
	return received > 0;
}

int main(int count, char **arguments)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found, *one;
	int addresses = 0, pages = 0;

	for (int at = 2; at < count; at++) {
		if (getaddrinfo(arguments[at], arguments[1], &hints, &found) != 0)
			continue;
		for (one = found; one; one = one->ai_next)
			addresses++;
		if (strcmp(arguments[1], "0") != 0)
			pages += page(found, arguments[at]);
		freeaddrinfo(found);
	}
	printf("{\"addresses\": %d, \"pages\": %d}\n", addresses, pages);
	return 0;
}
