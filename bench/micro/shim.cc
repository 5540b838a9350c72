// SPDX-License-Identifier: GPL-3.0-or-later
//
// Hands the rows of micro.h to Google Benchmark. The only C++ in the lab:
// what is measured, and how it is set up, is C and lives in the tables.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/micro/micro.h"

namespace {

bool any_failed = false;

void skip(benchmark::State &state, const char *what, int failed) {
    any_failed = true;
    state.SkipWithError((std::string(what) + ": " + std::strerror(-failed)).c_str());
}

void run(benchmark::State &state, const micro_row *row, int64_t size) {
    int failed = row->set_up == nullptr ? 0 : row->set_up(row, static_cast<size_t>(size));
    if (failed != 0) {
        skip(state, "cannot set up", failed);
        return;
    }
    // All iterations are one batch: the loop is the row's own.
    while (state.KeepRunningBatch(state.max_iterations)) {
        failed = row->run(static_cast<uint64_t>(state.max_iterations));
        if (failed != 0) {
            skip(state, "did not do its work", failed);
            break;
        }
    }
    if (row->touches_bytes && size > 0) state.SetBytesProcessed(state.iterations() * size);
    if (row->tear_down != nullptr) row->tear_down();
}

void add(const micro_row *row) {
    auto *added = benchmark::RegisterBenchmark(row->name, [row](benchmark::State &state) {
        run(state, row, row->sized ? state.range(0) : 0);
    });
    for (const int64_t size : micro_sizes) {
        if (row->sized) added->Arg(size);
    }
}

// Many short repetitions in shuffled order: a disturbed second then falls on a
// few repetitions of many rows instead of on one row.
const char *const defaults[] = {
    "--benchmark_enable_random_interleaving=true",
    "--benchmark_repetitions=13",
    "--benchmark_min_time=0.02",
    "--benchmark_report_aggregates_only=true",
};

} // namespace

int main(int argc, char **argv) {
    // What is on the command line comes later, and so wins.
    std::vector<char *> arguments{argv[0]};
    for (const char *flag : defaults) arguments.push_back(const_cast<char *>(flag));
    arguments.insert(arguments.end(), argv + 1, argv + argc);
    int count = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 64;
    const micro_table table = micro_rows();
    const int failed = micro_pin();
    if (failed != 0) {
        std::fprintf(stderr, "micro: cannot stay on one CPU: %s\n", std::strerror(-failed));
        return 1;
    }
    for (size_t i = 0; i < table.count; i++) add(&table.rows[i]);
    benchmark::RunSpecifiedBenchmarks();
    return any_failed ? 1 : 0;
}
