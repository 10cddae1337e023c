#include "memory/memory_account.hpp"

#include "support/catch.hpp"
#include "support/thrown.hpp"

namespace adapipe {

using namespace testing;

namespace {

constexpr std::size_t kFree = MemoryAccount::kFreeBytes;

}  // namespace

TEST_CASE("an account holds what is used beyond the free bytes, in steps") {
  FifoGate budget(10 * kFree);
  {
    MemoryAccount account(budget);
    const struct {
      std::size_t more;
      std::size_t held;
    } cases[] = {
        {kFree, 0}, {1, kFree}, {kFree - 1, kFree}, {1, 2 * kFree}, {3 * kFree, 4 * kFree + 1}};
    for (const auto& [more, held] : cases) {
      account.charge(more);
      CHECK(budget.in_use() == held);
    }
    CHECK(account.budget_bytes() == 10 * kFree);
  }
  CHECK(budget.in_use() == 0);
}

TEST_CASE("what an account refuses, it does not count") {
  FifoGate budget(2 * kFree);
  MemoryAccount account(budget);
  const Error error = testing::thrown_by([&] { account.charge(3 * kFree + 1, "the elephant"); });
  CHECK(error.kind() == errc::resource_exhausted);
  CHECK(std::string(error.what()).find("the elephant") != std::string::npos);
  CHECK(budget.in_use() == 0);
  account.charge(3 * kFree);
  CHECK(budget.in_use() == 2 * kFree);
  CHECK(thrown_kind([&] { account.charge(1); }) == errc::resource_exhausted);
}

TEST_CASE("an account that took over its share of the budget asks for more only beyond it") {
  FifoGate budget(4 * kFree);
  const std::size_t share = MemoryAccount::counted(3 * kFree);
  CHECK(share == 2 * kFree);
  CHECK(MemoryAccount::counted(kFree - 1) == 0);
  REQUIRE(budget.try_extend(share));
  {
    MemoryAccount account(budget);
    account.take_over(share);
    for (int i = 0; i < 3; ++i) account.charge(kFree);
    CHECK(budget.in_use() == share);
    account.charge(1);
    CHECK(budget.in_use() == share + kFree);
  }
  CHECK(budget.in_use() == 0);
}

TEST_CASE("what is given back to an account is there for others at once") {
  FifoGate budget(4 * kFree);
  MemoryAccount account(budget);
  account.charge(4 * kFree);
  CHECK(budget.in_use() == 3 * kFree);
  account.give_back(kFree);
  CHECK(budget.in_use() == 2 * kFree);
  account.give_back(5 * kFree / 2);
  CHECK(budget.in_use() == 0);
  account.charge(kFree / 2);
  CHECK(budget.in_use() == 0);
  account.charge(4 * kFree);
  CHECK(budget.in_use() == 4 * kFree);
}

}  // namespace adapipe
