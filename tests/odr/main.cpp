// Two translation units that both include everything: they must link, and see one current context.
#include <coheir/coheir.hpp>

#include <string>

coheir::task<std::string> read_in_other();

coheir::task<std::string> root() {
    coheir::context::set("user", "ada");
    co_return co_await read_in_other();
}

int main() {
    coheir::scheduler loop{coheir::spawn_policy::copying};
    return loop.run(root()) == "ada" ? 0 : 1;
}
