// Whatever bytes a client sends to the example server, it answers with well-formed responses or closes, and
// no id that it was sent goes into a header unless it is one that may.
#include <arpa/inet.h>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http.hpp>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

#include "../../examples/http/request_id.hpp"
#include "fuzz/input.hpp"

int server_main(int argc, char** argv);  // the main function of examples/http_request_id.cpp

namespace {

namespace http = boost::beast::http;

sockaddr_in address{};

class connection {
public:
    connection() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        const linger reset{1, 0};  // closing leaves no port behind that is to be waited for
        const timeval patience{10, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    ~connection() { ::close(socket_); }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    /// 0, or what the error is.
    int connect() {
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return 0;
        if (errno != EINTR) return errno;
        pollfd connected{socket_, POLLOUT, 0};  // it goes on; to call it again is an error
        if (uninterrupted([&] { return ::poll(&connected, 1, 10'000); }) != 1) return ETIMEDOUT;
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
        return error;
    }
    /// Sends all, and returns all that comes back until the other side closes.
    std::string talk(std::string_view all) {
        while (!all.empty()) {
            const ssize_t sent =
                uninterrupted([&] { return ::send(socket_, all.data(), all.size(), MSG_NOSIGNAL); });
            if (sent <= 0) break;  // it has closed, and says why in what it has sent
            all.remove_prefix(static_cast<std::size_t>(sent));
        }
        ::shutdown(socket_, SHUT_WR);
        std::string answer;
        char part[4096];
        ssize_t size = 0;
        while ((size = uninterrupted([&] { return ::recv(socket_, part, sizeof part, 0); })) > 0)
            answer.append(part, static_cast<std::size_t>(size));
        fuzz::require(size == 0 || errno == ECONNRESET, "the server does not close", answer);
        return answer;
    }

private:
    /// libFuzzer sends itself signals.
    template <class Call>
    static ssize_t uninterrupted(Call call) {
        ssize_t result = 0;
        do result = call();
        while (result < 0 && errno == EINTR);
        return result;
    }

    int socket_;
};

std::uint16_t free_port() {
    const int any = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in chosen{};
    chosen.sin_family = AF_INET;
    chosen.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof chosen;
    ::bind(any, reinterpret_cast<const sockaddr*>(&chosen), sizeof chosen);
    ::getsockname(any, reinterpret_cast<sockaddr*>(&chosen), &size);
    ::close(any);
    return ntohs(chosen.sin_port);
}

void require_response(const http::response<http::string_body>& got, std::string_view all) {
    const unsigned status = got.result_int();
    fuzz::require(status == 200 || (status >= 400 && status < 500), "an odd status", all);
    for (const auto& field : got)
        for (const char c : field.value())
            fuzz::require(c >= ' ' && c <= '~', "a header holds a byte that is no printable character", all);
    if (status != 200) return;
    const std::string id = got["X-Request-ID"];
    fuzz::require(is_acceptable_id(id), "a response without an acceptable id", all);
    fuzz::require(got.body().ends_with("Your request id is " + id + ".\n"), "another id in the body", all);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    const std::uint16_t port = free_port();
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    std::thread([port] {
        std::string text[] = {"server", "--port", std::to_string(port)};
        char* arguments[] = {text[0].data(), text[1].data(), text[2].data(), nullptr};
        std::exit(server_main(3, arguments));
    }).detach();
    for (int tries = 0; connection().connect() != 0; ++tries) {
        fuzz::require(tries < 1000, "the server does not listen", "");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    connection client;
    const int refused = client.connect();
    fuzz::require(refused == 0, "the server takes no connection", std::strerror(refused));
    const std::string all = client.talk({reinterpret_cast<const char*>(data), size});
    boost::beast::error_code error;
    for (std::size_t read = 0; read < all.size();) {
        http::response_parser<http::string_body> parser;
        parser.eager(true);
        read += parser.put(boost::asio::buffer(all.data() + read, all.size() - read), error);
        fuzz::require(!error && parser.is_done(), "a response is not well formed", all);
        require_response(parser.get(), all);
    }
    return 0;
}
