// Names whose hashes somebody has chosen are looked up as fast as any others.
#include <coheir/coheir.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "endurance.hpp"

namespace {

namespace context = coheir::context;
using clock_type = std::chrono::steady_clock;

struct named {
    std::string text;
    std::uint64_t hash;
    context::key_name key() const { return {text, hash, false}; }
};

/// Keys with these hashes, and the least time that it took to set one and to look it up three times.
class measured {
public:
    template <class Hash>
    measured(long long count, Hash hash) {
        for (long long i = 0; i < count; ++i) {
            std::string text = "key " + std::to_string(i);
            const std::uint64_t its = hash(text, static_cast<std::uint64_t>(i));
            names_.push_back({std::move(text), its});
        }
        std::shuffle(names_.begin(), names_.end(), std::minstd_rand(1));
    }
    void measure_again() {
        const context::enter here{context::snapshot()};
        const auto begin = clock_type::now();
        for (const named& n : names_) context::set(n.key(), n.hash);
        for (int again = 0; again < 3; ++again)
            for (const named& n : names_)
                if (*context::find<std::uint64_t>(n.key()) != n.hash)
                    throw std::runtime_error("another's value");
        least_ = std::min(least_, clock_type::now() - begin);
    }
    double ns() const {
        return std::chrono::duration<double, std::nano>(least_).count() / static_cast<double>(names_.size());
    }

private:
    std::vector<named> names_;
    clock_type::duration least_ = clock_type::duration::max();
};

/// In turn, so that what slows the machine down hits all alike: until each but the first takes at most
/// `most` times as long as the first. What takes longer still does so after the last turn.
void measure(std::vector<measured>& all, double most) {
    const auto within = [&](const measured& m) { return m.ns() <= most * all[0].ns(); };
    for (int turn = 0; turn < 100; ++turn) {
        if (turn >= 7 && std::all_of(all.begin(), all.end(), within)) return;
        for (measured& m : all) m.measure_again();
    }
}

}  // namespace

void endurance::flooding(long long count) {
    // Hashes that are the same altogether: names are compared, a logarithmic number of them.
    const auto same = [](const std::string&, std::uint64_t) { return std::uint64_t{1}; };
    std::vector<measured> equal;
    constexpr long long fewer = 63, more = 16 * fewer;
    for (const long long n : {fewer, more}) equal.emplace_back(n, same);
    constexpr double most_growth = 4;
    measure(equal, most_growth);
    const double growth = equal[1].ns() / equal[0].ns();
    std::printf("%lld equal hashes: %.0f ns each, %.2f times as much as of %lld\n", more, equal[1].ns(),
                growth, fewer);
    require(growth <= most_growth, "16 times as many equal hashes take %.2f times as long", growth);

    // Hashes that differ only from some bit on: all that a usual table would look at is the same.
    constexpr int shifts[] = {0, 16, 32, 44};
    std::vector<measured> all;
    all.emplace_back(count,
                     [](const std::string& name, std::uint64_t) { return context::key_name(name).hash(); });
    for (const int shift : shifts)
        all.emplace_back(count, [shift](const std::string&, std::uint64_t i) { return i << shift; });
    constexpr double most_ratio = 2;
    measure(all, most_ratio);
    std::printf("%lld names: %.0f ns each\n", count, all[0].ns());
    for (std::size_t i = 0; i < std::size(shifts); ++i) {
        const double ratio = all[i + 1].ns() / all[0].ns();
        std::printf("hashes that differ from bit %d on: %.2f times that\n", shifts[i], ratio);
        require(ratio <= most_ratio, "hashes that differ from bit %d on take %.2f times as long", shifts[i],
                ratio);
    }
}
