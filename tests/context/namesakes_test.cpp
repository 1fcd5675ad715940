// Types of the same name: told apart where they differ, recognised where they are one.

#include "namesakes.hpp"

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "support/actor.hpp"

namespace context = coheir::context;

// Not in the unnamed namespace, whose name would be in theirs.
static struct { int value; } unnamed_one{1};
static struct { int value; } unnamed_two{2};

namespace {

struct namesake {
    int value;
};
auto from_one_function() {
    struct local {
        int value;
    };
    return local{1};
}
auto from_another_function() {
    struct local {
        int value;
    };
    return local{2};
}
template <class T>
auto from_a_template() {
    struct local {
        int value;
    };
    return local{3};
}
auto enumerator_from_one_function() {
    enum class color { red };
    return color::red;
}
auto enumerator_from_another_function() {
    enum class color { red };
    return color::red;
}

struct local {  // the functions above have their own
    int value;
};

// Whether a T is found where a U was set.
template <class T, class U>
bool is_found_as(U value) {
    test::actor who;
    const test::acting now(who);
    context::set("k", std::move(value));
    return context::find<T>("k") != nullptr;
}

// A type is itself, and the other one is another.
template <class T, class U>
void differ(T one, U other) {
    CHECK(is_found_as<T>(one));
    CHECK(is_found_as<U>(other));
    CHECK_FALSE(is_found_as<T>(other));
    CHECK_FALSE(is_found_as<U>(one));
}

}  // namespace

TEST_CASE("local types of one name are different types", "[types]") {
    differ(from_one_function(), from_another_function());
    differ(from_one_function(), local{1});
    differ(from_a_template<int>(), from_a_template<long>());
    differ(from_a_template<int>(), from_one_function());
    differ(enumerator_from_one_function(), enumerator_from_another_function());
}

TEST_CASE("types made of local types of one name are different types", "[types]") {
    differ(std::vector{from_one_function()}, std::vector{from_another_function()});
    differ(std::array{from_one_function()}, std::array{from_another_function()});
    differ(std::pair{1, enumerator_from_one_function()}, std::pair{1, enumerator_from_another_function()});
    differ(std::make_shared<decltype(from_one_function())>(),
           std::make_shared<decltype(from_another_function())>());
}

TEST_CASE("types without a name are different types", "[types]") {
    differ(unnamed_one, unnamed_two);
    differ(std::vector{unnamed_one}, std::vector{unnamed_two});
    const auto one = [](int n) { return n; };
    const auto two = [](int n) { return n; };
    differ(one, two);
}

TEST_CASE("types of one name that two source files keep to themselves are different types", "[types]") {
    test::actor who;
    const test::acting now(who);
    for (const std::string& key : set_in_another_source_file()) {
        CAPTURE(key);
        CHECK(context::find<namesake>(key) == nullptr);
        CHECK(context::find<std::vector<namesake>>(key) == nullptr);
        CHECK(context::find<decltype(from_a_template<int>())>(key) == nullptr);
        CHECK(context::find<decltype(unnamed_one)>(key) == nullptr);
        CHECK(context::find<decltype(unnamed_two)>(key) == nullptr);
    }
    CHECK_THROWS_AS(context::get<namesake>("namesake"), coheir::bad_value_type);
}

TEST_CASE("what another source file set is found, by its type", "[types]") {
    test::actor who;
    const test::acting now(who);
    set_in_another_source_file();
    CHECK(context::get<shared_type>("shared type").value().value == 4);
    CHECK(context::get<std::vector<shared_type>>("vector").value().front().value == 5);
    CHECK(context::get<std::string>("text") == "x");
}

#if defined(__cpp_rtti)

namespace {

/// A type's description as another shared library would have it: at other addresses, of the same name.
template <class T>
class foreign_description {
public:
    [[nodiscard]] const context::detail::value_type& get() const { return description_; }

private:
    struct info : std::type_info {
        explicit info(const char* name) : std::type_info(name) {}
    };
    std::string name_ = typeid(T).name();
    info info_{name_.c_str()};
    context::detail::value_type description_ = [this] {
        context::detail::value_type copy = context::detail::value_type_of<T>();
        copy.id = &info_;
        return copy;
    }();
};

template <class T>
bool is_recognised(const T&) {
    const foreign_description<T> foreign;
    const context::detail::box b("k", foreign.get(), {});
    return context::detail::holds<T>(b);
}

namespace letters {
struct ZULX {};
}  // namespace letters

}  // namespace

struct ZULXD {};

TEST_CASE("a type with a name of its own is recognised by it, if another library describes it", "[types]") {
    CHECK(is_recognised(1));
    CHECK(is_recognised(std::string("x")));
    CHECK(is_recognised(shared_type{1}));
    CHECK(is_recognised(ZULXD()));
    CHECK(is_recognised(std::vector<shared_type>()));
    CHECK(is_recognised(std::map<std::string, std::vector<shared_type>>()));
    CHECK(is_recognised(std::shared_ptr<shared_type>()));
    CHECK(is_recognised(std::pair<ZULXD, std::vector<std::string>>()));
    CHECK_FALSE(is_recognised(namesake{1}));
    CHECK_FALSE(is_recognised(letters::ZULX()));  // in an unnamed namespace
    CHECK_FALSE(is_recognised(from_one_function()));
    CHECK_FALSE(is_recognised(from_a_template<int>()));
    CHECK_FALSE(is_recognised(enumerator_from_one_function()));
    CHECK_FALSE(is_recognised(unnamed_one));
    CHECK_FALSE(is_recognised(std::vector{unnamed_one}));
    CHECK_FALSE(is_recognised(std::vector{namesake{1}}));
    CHECK_FALSE(is_recognised(std::make_shared<decltype(from_one_function())>()));
    CHECK_FALSE(is_recognised([] {}));
}

#endif

TEST_CASE("a mangled name tells whether it is the same in every source file", "[value][namesakes]") {
    using coheir::detail::is_global_name;
    CHECK(is_global_name("i"));
    CHECK(is_global_name("3Dog"));
    CHECK(is_global_name("N1a3DogE"));
    CHECK(is_global_name("St6vectorIiSaIiEE"));
    CHECK(is_global_name("N1a4PairINS_3DogES1_EE"));
    CHECK(is_global_name("PFS2_3DogE"));  // a substitution, then an identifier
    CHECK(is_global_name("PFT10_11DogOfZanderE"));
    CHECK_FALSE(is_global_name("N12_GLOBAL__N_13DogE"));
    CHECK_FALSE(is_global_name("N1a12_GLOBAL__N_13DogE"));
    CHECK_FALSE(is_global_name("Z4mainE3Dog"));
    CHECK_FALSE(is_global_name("N1aUt_E"));
    CHECK_FALSE(is_global_name("8._anon_1"));
    CHECK_FALSE(is_global_name("3$_0"));
}
