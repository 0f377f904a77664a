// An HTTP service in C++ whose requests render rows and checksum them: rows PORT. -DINJECTED=N adds a function.
// ROWS_DO=fork has a child answer every fourth request, exec has every tenth execute another program, reexec replaces
// the program by itself before it listens, and die ends it at the thirtieth request.
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile unsigned long sink;
__attribute__((noinline)) unsigned long checksum(const std::string& text, int times) {
    unsigned long sum = 0;
    for (int i = 0; i < times; i++) for (char c : text) sum = sum * 31 + c;
    return sum;
}
__attribute__((noinline)) std::string render(int rows) {
    std::string out;
    for (int i = 0; i < rows; i++) out += "row " + std::to_string(i) + "\n";
    return out;
}
#ifdef INJECTED
__attribute__((noinline)) unsigned long audit(const std::string& text) {
    unsigned long sum = 7;
    for (int i = 0; i < INJECTED; i++) sum = sum * 131 + text[i % text.size()];
    return sum;
}
#endif
__attribute__((noinline)) std::string handle(const std::string& path) {
    if (path == "/health") return "ok";
    std::string body = render(40);
    sink = checksum(body, 60);
#ifdef INJECTED
    sink += audit(body);
#endif
    return body;
}
static void execute(const char* program) {
    pid_t child = fork();
    if (child == 0) { execl(program, program, (char*)nullptr); _exit(127); }
    waitpid(child, nullptr, 0);
}
int main(int argc, char** argv) {
    const std::string doing = getenv("ROWS_DO") ? getenv("ROWS_DO") : "";
    if (doing == "reexec") { setenv("ROWS_DO", "", 1); execv(argv[0], argv); perror("execv"); return 1; }
    int requests = 0;
    int server = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{}; address.sin_family = AF_INET; address.sin_port = htons(atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(server, (sockaddr*)&address, sizeof address) || listen(server, 64)) { perror("listen"); return 1; }
    for (;;) {
        int client = accept(server, nullptr, nullptr);
        char buffer[8192]; size_t have = 0; ssize_t got;
        while (have < sizeof buffer - 1 && (got = read(client, buffer + have, sizeof buffer - 1 - have)) > 0) {
            have += got; buffer[have] = 0;
            if (strstr(buffer, "\r\n\r\n")) break;
        }
        if (doing == "die" && ++requests == 30) { fprintf(stderr, "out of luck\n"); return 3; }
        if (doing == "exec" && ++requests % 10 == 0) execute("/bin/true");
        const bool forks = doing == "fork" && ++requests % 4 == 0;
        if (forks) {
            pid_t child = fork();
            if (child != 0) { close(client); waitpid(child, nullptr, 0); continue; }
        }
        std::string head(buffer, have), path = head.substr(4, head.find(' ', 4) - 4), body = handle(path);
        std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
        if (write(client, reply.data(), reply.size()) < 0) perror("write");
        close(client);
        if (forks) _exit(0);
    }
}
