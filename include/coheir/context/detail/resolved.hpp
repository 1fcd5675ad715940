#pragma once
// What a level remembers of look-ups that went far down its chain, so that depth costs nothing.
//
// All levels that are linked are a family, with a version that goes up whenever a key of a level with
// children comes, goes or gets another box. Values that are overwritten in place keep their box, and what
// was remembered stays true.

#include <cstdint>
#include <new>
#include <utility>

#include "../../detail/memory.hpp"
#include "value.hpp"

namespace coheir::context::detail {

class family : public coheir::detail::recycled {
public:
    std::uint64_t version() const noexcept { return version_; }
    void changed() noexcept { ++version_; }

    slot_bits flags = 0;  // of all values that levels with children have, or have had

private:
    friend class family_ref;
    std::uint64_t version_ = 0;
    std::uint32_t members_ = 0;
};

class family_ref {
public:
    family_ref() = default;
    static family_ref make() {
        family_ref made;
        made.family_ = new family;
        ++made.family_->members_;
        return made;
    }
    family_ref(const family_ref& other) noexcept : family_(other.family_) {
        if (family_) ++family_->members_;
    }
    family_ref& operator=(family_ref other) noexcept {
        std::swap(family_, other.family_);
        return *this;
    }
    COHEIR_INLINE ~family_ref() {
        if (family_ && --family_->members_ == 0) delete family_;
    }
    explicit operator bool() const noexcept { return family_ != nullptr; }
    family* operator->() const noexcept { return family_; }

private:
    family* family_ = nullptr;
};

/// A few keys and the boxes that they were found in, or that they were not found, as of one version.
class resolved : public coheir::detail::recycled {
public:
    /// Null when there is no memory: then look-ups walk.
    static resolved* make() noexcept {
        try {
            return new resolved;
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
    }

    enum class answer { known, unknown, changing };
    /// What is known of a key; if it is, `found` is what it shows, or null. Nothing is worth remembering
    /// that is asked for once between two changes: the first question after a change gets `changing`.
    answer find(const key_name& key, std::uint64_t version, const box*& found) noexcept {
        if (version != version_) [[unlikely]] {
            version_ = version;
            is_settled_ = false;
            return answer::changing;
        }
        if (!is_settled_) [[unlikely]] {
            for (const void*& a : answers_) a = nullptr;
            is_settled_ = true;
            return answer::unknown;
        }
        const std::size_t at = place(key);
        // Two names can have one hash: it says where to look, and never that a key is there or missing.
        if (hashes_[at] != short_hash(key) || !answers_[at]) return answer::unknown;
        bool known;
        if (missing_ >> at & 1) {
            found = nullptr;
            known = answers_[at] == key.text().data() && key.is_static();
        } else {
            found = static_cast<const box*>(answers_[at]);
            known = (found->name == key.text().data() && key.is_static()) || found->is_named(key);
        }
        return known ? answer::known : answer::unknown;
    }
    void remember(const key_name& key, const box* found) noexcept {
        if (!found && !key.is_static()) return;
        const std::size_t at = place(key);
        const auto bit = static_cast<std::uint8_t>(1U << at);
        missing_ = static_cast<std::uint8_t>(found ? missing_ & ~bit : missing_ | bit);
        hashes_[at] = short_hash(key);
        answers_[at] = found ? static_cast<const void*>(found) : key.text().data();
    }

private:
    static constexpr std::size_t places = 7;  // what makes it fit a size of block
    static std::size_t place(const key_name& key) noexcept {
        return static_cast<std::size_t>((key.hash() & 0xffff'ffff) * places >> 32);
    }
    static std::uint32_t short_hash(const key_name& key) noexcept {
        return static_cast<std::uint32_t>(key.hash() >> 32);
    }

    std::uint64_t version_ = ~std::uint64_t{0};
    const void* answers_[places];  // the box that was found, or the name that was not
    std::uint32_t hashes_[places] = {};
    std::uint8_t missing_ = 0;  // a bit for each place: its answer is a name that was not found
    bool is_settled_ = false;   // nothing has changed between the last two questions
};

}  // namespace coheir::context::detail
