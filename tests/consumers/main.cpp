// What a program that uses coheir looks like, however it found the library.
#include <coheir/coheir.hpp>

#include <string>

coheir::task<bool> knows_user() { co_return coheir::context::get<std::string>("user") == "ada"; }

coheir::task<bool> root() {
    coheir::context::set("user", "ada");
    co_return co_await knows_user();
}

int main() {
    coheir::scheduler loop{coheir::spawn_policy::copying};
    return loop.run(root()) ? 0 : 1;
}
