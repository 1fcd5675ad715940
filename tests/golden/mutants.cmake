# Faults that the golden traces must notice: golden.mutants.NAME.
set(mutants_of golden)
set(source golden/coheir_replay.cpp)
set(arguments ${CMAKE_CURRENT_LIST_DIR}/traces.txt ${CMAKE_CURRENT_LIST_DIR}/levels.txt)
set(noticed "[0-9]+ programs, [1-9][0-9]* differ")
include(${CMAKE_CURRENT_LIST_DIR}/../mutants.cmake)

mutant(copying_shares context/policy.hpp
    [==[policy.kind_ == kind::copying ? copied(*parent, "spawned from")]==]
    [==[policy.kind_ == kind::copying ? level_ref(parent)]==]
)
mutant(copy_is_shallow context/detail/change.hpp  # a change in place reaches every copy
    [==[box* exclusive = holder->own.find_exclusive(key);]==]
    [==[box* exclusive = const_cast<box*>(found);]==]
)
mutant(copy_is_flattened context/detail/level.hpp  # clear in the copy uncovers nothing
    [==[return {inheritable(context.own), flattened(context.parent())};]==]
    [==[return {flattened(&context), map()};]==]
)
mutant(copy_forgets_what_is_below context/detail/level.hpp
    [==[return {inheritable(context.own), flattened(context.parent())};]==]
    [==[return {inheritable(context.own), map()};]==]
)
mutant(chain_snapshots_its_parent context/policy.hpp
    [==[: chained_onto(parent);]==]
    [==[: chained_onto(copied(*parent, "spawned from").get());]==]
)
mutant(clear_reaches_below context/detail/change.hpp
    [==[const map cleared = std::exchange(l.own, map());]==]
    [==[for (level* at = l.parent(); at; at = at->parent()) clear(*at);
    const map cleared = std::exchange(l.own, map());]==]
)
mutant(clear_does_nothing context/detail/change.hpp
    [==[const map cleared = std::exchange(l.own, map());]==]
    [==[]==]
)
mutant(get_stops_at_its_own_level context/detail/level.hpp
    [==[if (!from->kin || !from->kin->parent) return nullptr;]==]
    [==[return nullptr;]==]
)
mutant(get_sees_the_lowest_level context/detail/level.hpp
    [==[if (!from) return nullptr;]==]
    [==[if (!from) return nullptr;
    if (const box* const lowest = find_visible(from->parent(), key)) return lowest;]==]
)
mutant(get_remembers_for_ever context/detail/resolved.hpp
    [==[if (version != version_) [[unlikely]] {]==]
    [==[if (version_ == ~std::uint64_t{0}) {]==]
)
mutant(set_writes_to_the_lowest_level context/detail/change.hpp
    [==[require_idle(to, "changed by set");]==]
    [==[if (to.parent()) return assign<T>(*to.parent(), key, made, std::forward<V>(value));]==]
)
mutant(update_copies_what_is_inherited context/detail/change.hpp
    [==[require_idle(context, "updated");]==]
    [==[require_idle(context, "updated");
    if (const box* const visible = find_visible(&context, key); visible && !context.own.find(key))
        context.own.put(box_ref(visible->type->clone(*visible)));]==]
)
mutant(merge_keeps_the_lower_entries context/detail/level.hpp
    [==[upper.own.for_each([&](box& b) { lower.own.put(box_ref::shared(b)); });]==]
    [==[upper.own.for_each([&](box& b) {
            if (!lower.own.find(b.key_as_name())) lower.own.put(box_ref::shared(b));
        });]==]
)
mutant(merge_into_a_live_level context/detail/level.hpp
    [==[at->kin->children == 1 && at->only_child().owners == 0 &&]==]
    [==[at->kin->children == 1 &&]==]
)
