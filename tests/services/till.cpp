// The till of till.py, compiled and with its tables in memory, so that it starts at once under Valgrind: till PORT.
//
// Log in, look at items, open an order, pay it, wait for its receipt. MORE=n adds up n squares while an order is paid;
// REFUSE=1 takes no payments; ALONE=1 has a login end the one before of the same user; a receipt is ready RECEIPT ms
// after it was paid. A user signs up once.
#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <strings.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using Clock = std::chrono::steady_clock;
struct Order { std::string user, item; bool paid = false; Clock::time_point when; };
struct Reply { int status = 200; std::string body = "{}"; };

static std::mutex lock;
static std::set<std::string> names;
static std::map<std::string, std::string> sessions;  // the user of each token
static std::map<int, Order> orders;
static int tokens = 0;
static volatile unsigned long sink;

static int given(const char* name, int otherwise) {
    const char* value = getenv(name);
    return value ? atoi(value) : otherwise;
}
static const int MORE = given("MORE", 0), REFUSE = given("REFUSE", 0), ALONE = given("ALONE", 0);
static const int RECEIPT = given("RECEIPT", 10);

static Reply refused(int status, const std::string& why) { return {status, "{\"error\": \"" + why + "\"}"}; }

// The value of a key of a flat JSON object, as it is written, without quotes.
static std::string field(const std::string& body, const std::string& key) {
    size_t at = body.find("\"" + key + "\"");
    if (at == std::string::npos) return "";
    at = body.find_first_not_of(": ", at + key.size() + 2);
    const bool quoted = body[at] == '"';
    const size_t from = at + quoted, to = body.find_first_of(quoted ? "\"" : ",} ", from);
    return body.substr(from, to - from);
}
// The value of a header, whatever case its name is in.
static std::string header(const std::string& head, const std::string& name) {
    for (size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2))
        if (strncasecmp(head.c_str() + at + 2, (name + ": ").c_str(), name.size() + 2) == 0) {
            const size_t from = at + name.size() + 4;
            return head.substr(from, head.find("\r\n", from) - from);
        }
    return "";
}

static Reply log_in(const std::string& body) {
    const std::string user = field(body, "user");
    if (field(body, "password") != "secret-" + user) return refused(401, "wrong password");
    if (ALONE)
        for (auto each = sessions.begin(); each != sessions.end();)
            each = each->second == user ? sessions.erase(each) : std::next(each);
    char token[24];
    snprintf(token, sizeof token, "token-%08d", ++tokens);
    sessions[token] = user;
    return {200, "{\"token\": \"" + std::string(token) + "\"}"};
}
static Reply items(int limit) {
    std::string found;
    for (int id = 1; id <= limit; id++)
        found += (id > 1 ? ", " : "") + ("{\"id\": " + std::to_string(id)) + ", \"price\": " + std::to_string(100 * id) + "}";
    return {200, "{\"items\": [" + found + "]}"};
}
__attribute__((noinline)) static Reply pay(int order) {
    if (REFUSE) return refused(402, "the bank is closed");
    for (unsigned long i = 0; i < (unsigned long)MORE; i++) sink = sink + i * i;
    orders[order].paid = true;
    orders[order].when = Clock::now();
    return {200, "{\"paid\": true}"};
}
static Reply receipt(const Order& order) {
    if (!order.paid) return refused(409, "not paid");
    const bool ready = Clock::now() - order.when >= std::chrono::milliseconds(RECEIPT);
    return {200, "{\"user\": \"" + order.user + "\", \"item\": " + order.item + ", \"ready\": " + (ready ? "true" : "false") + "}"};
}
static Reply answer(const std::string& head, const std::string& body) {
    const std::lock_guard<std::mutex> held(lock);
    const size_t from = head.find(' ') + 1;
    const std::string target = head.substr(from, head.find(' ', from) - from);
    if (target == "/health") return {};
    if (target == "/users") return names.insert(field(body, "user")).second ? Reply{} : refused(409, "the name is taken");
    if (target == "/login") return log_in(body);
    const std::string bearer = header(head, "Authorization");
    const auto who = sessions.find(bearer.size() > 7 ? bearer.substr(7) : "");
    if (who == sessions.end()) return refused(401, "log in first");
    if (target.rfind("/items", 0) == 0) return items(atoi(target.c_str() + target.find('=') + 1));
    if (target == "/orders") {
        const int order = (int)orders.size() + 1;
        orders[order] = {who->second, field(body, "item"), false, {}};
        return {200, "{\"order\": " + std::to_string(order) + "}"};
    }
    const int order = atoi(target.c_str() + 8);
    return target.find("/pay") != std::string::npos ? pay(order) : receipt(orders[order]);
}
static void serve(int client) {
    std::string have;
    char buffer[4096];
    for (;;) {
        size_t end, length = 0;
        while ((end = have.find("\r\n\r\n")) == std::string::npos
               || have.size() < end + 4 + (length = atoi(header(have.substr(0, end + 2), "Content-Length").c_str()))) {
            const ssize_t got = read(client, buffer, sizeof buffer);
            if (got <= 0) { close(client); return; }
            have.append(buffer, got);
        }
        const Reply reply = answer(have.substr(0, end + 2), have.substr(end + 4, length));
        have.erase(0, end + 4 + length);
        const std::string out = "HTTP/1.1 " + std::to_string(reply.status) + " -\r\nContent-Type: application/json\r\nContent-Length: "
            + std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
        if (write(client, out.data(), out.size()) < 0) perror("write");
    }
}
int main(int, char** argv) {
    const int server = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(server, (sockaddr*)&address, sizeof address) || listen(server, 64)) { perror("listen"); return 1; }
    for (;;) {
        const int client = accept(server, nullptr, nullptr);
        if (client >= 0) std::thread(serve, client).detach();
    }
}
