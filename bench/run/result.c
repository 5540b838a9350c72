/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/result.h"

#include <string.h>

#include "bench/run/validity.h"

static const char *const duration_fields[LOAD_DURATIONS] = {
    [LOAD_LATENCY] = "latency_us", [LOAD_CYCLE] = "cycle_us",    [LOAD_SERVICE] = "service_us",
    [LOAD_CONNECT] = "connect",    [LOAD_EXCHANGE] = "exchange", [LOAD_CLOSE] = "close",
};

static void set(json_t *object, const char *name, json_t *value) {
    (void)json_object_set_new(object, name, value == NULL ? json_null() : value);
}

static void set_integer(json_t *object, const char *name, uint64_t value) {
    set(object, name, json_integer((json_int_t)value));
}

static void set_text(json_t *object, const char *name, const char *text) {
    set(object, name, json_string(text));
}

static json_t *microseconds(double ns) {
    return json_real(ns / 1e3);
}

static json_t *percentile(const struct histogram *histogram, double percent) {
    if (!histogram_supports(histogram, percent)) return json_null();
    return microseconds((double)histogram_percentile_ns(histogram, percent));
}

static json_t *summary(const struct histogram *histogram) {
    json_t *object = json_object();
    set(object, "p50", percentile(histogram, 50));
    set(object, "p90", percentile(histogram, 90));
    set(object, "p99", percentile(histogram, 99));
    set(object, "p999", percentile(histogram, 99.9));
    const bool empty = histogram->count == 0;
    set(object, "max", empty ? json_null() : microseconds((double)histogram->max_ns));
    set(object, "mean", empty ? json_null() : microseconds(histogram_mean_ns(histogram)));
    return object;
}

static json_t *phase(const struct histogram *histogram) {
    json_t *object = json_object();
    const bool empty = histogram->count == 0;
    set(object, "p50", percentile(histogram, 50));
    set(object, "mean", empty ? json_null() : microseconds(histogram_mean_ns(histogram)));
    return object;
}

static json_t *histogram_pairs(const struct histogram *histogram) {
    json_t *pairs = json_array();
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram->bucket[i] == 0) continue;
        json_t *pair = json_pack("[I,I]", (json_int_t)histogram_upper_bound_ns(i),
                                 (json_int_t)histogram->bucket[i]);
        (void)json_array_append_new(pairs, pair);
    }
    return pairs;
}

static json_t *messages(const struct load_result *load) {
    json_t *object = json_object();
    set_integer(object, "sent", load->sent);
    set_integer(object, "ok", load->ok);
    set_integer(object, "lost", load->lost);
    set_integer(object, "failed", load->failed);
    set_integer(object, "late", load->late);
    set_integer(object, "duplicate", load->duplicate);
    set_integer(object, "corrupt", load->corrupt);
    return object;
}

/* "connect ECONNREFUSED": 3 */
static json_t *errors(const struct load_result *load) {
    json_t *object = json_object();
    for (int i = 0; i < EXCHANGE_DONE; i++) {
        for (int j = 1; j < LOAD_ERRNOS; j++) {
            if (load->errors[i][j] == 0) continue;
            json_t *key = json_sprintf("%s %s", exchange_phase_names[i], strerrorname_np(j));
            set_integer(object, json_string_value(key), load->errors[i][j]);
            json_decref(key);
        }
    }
    return object;
}

static void set_counter(json_t *object, const char *name, uint64_t value) {
    set(object, name, value == UINT64_MAX ? json_null() : json_integer((json_int_t)value));
}

static json_t *counters(const struct result_context *context) {
    json_t *object = json_object();
    for (int i = 0; context->server_counts != NULL && i < ECHO_COUNTS; i++) {
        json_t *key = json_sprintf("server.%s", echo_count_names[i]);
        set_integer(object, json_string_value(key), context->server_counts[i]);
        json_decref(key);
    }
    for (unsigned i = 0; i < context->load->counter_count; i++) {
        const struct echo_counter *counter = &context->load->counters[i];
        json_t *key = json_sprintf("client.%s", counter->name);
        set_integer(object, json_string_value(key), counter->value);
        json_decref(key);
    }
    for (unsigned i = 0; context->counters != NULL && i < counter_count; i++) {
        set_counter(object, counter_rows[i].name, context->counters->value[i]);
    }
    return object;
}

/* A retry is at-least-once: work was done as often as executed says, for so many answers. */
static json_t *executions(const struct result_context *context) {
    const uint64_t *count = context->server_counts;
    const bool floor = context->options->role == ROLE_FLOOR;
    if (!context->options->variants[0]->retries || count == NULL || floor) return json_null();
    return json_pack("{s:I,s:I,s:I,s:b}", "answered", (json_int_t)context->load->answered,
                     "executed", (json_int_t)count[ECHO_EXECUTED], "executed_twice",
                     (json_int_t)count[ECHO_TWICE], "dedup", (int)context->options->dedup);
}

static json_t *settings(const struct result_context *context) {
    json_t *object = json_object();
    for (unsigned i = 0; context->settings != NULL && profile_setting_names[i] != NULL; i++) {
        set_text(object, profile_setting_names[i], context->settings->text[i]);
    }
    return object;
}

/* Who closes first keeps the port for a minute: counted on both sides, before and after. */
static json_t *time_wait(const struct result_context *context) {
    const struct time_wait *count = context->time_wait;
    if (count == NULL) return json_null();
    return json_pack("{s:I,s:I,s:I,s:I,s:I}", "all_before", (json_int_t)count[0].all,
                     "client_before", (json_int_t)count[0].client, "client_after",
                     (json_int_t)count[1].client, "server_before", (json_int_t)count[0].server,
                     "server_after", (json_int_t)count[1].server);
}

static json_t *ports(const struct result_context *context) {
    const struct ports *ports = context->ports;
    if (ports == NULL || ports->range == 0) return json_null();
    return json_pack("{s:i,s:f,s:f,s:i}", "range", (int)ports->range, "loopback_per_s",
                     ports->loopback_per_s, "network_per_s", ports->network_per_s, "sources",
                     (int)ports->sources);
}

/* "to_server": {"syn": {"packets": 1, ...}, ...}, ...: only what came up. */
static json_t *wire_kinds(const struct wire_counts *counts, int direction) {
    json_t *object = json_object();
    for (int kind = 0; kind < WIRE_KINDS; kind++) {
        const struct wire_tally *tally = &counts->by[kind][direction];
        if (tally->packets == 0) continue;
        set(object, wire_kind_names[kind],
            json_pack("{s:I,s:I,s:I,s:I}", "packets", (json_int_t)tally->packets, "ip_bytes",
                      (json_int_t)tally->ip_bytes, "payload_bytes",
                      (json_int_t)tally->payload_bytes, "dropped", (json_int_t)tally->dropped));
    }
    return object;
}

static json_t *delay(const struct histogram *histogram) {
    json_t *object = json_object();
    set(object, "p50", percentile(histogram, 50));
    set(object, "p99", percentile(histogram, 99));
    set(object, "mean",
        histogram->count == 0 ? json_null() : microseconds(histogram_mean_ns(histogram)));
    return object;
}

static json_t *wire(const struct result_context *context) {
    const struct wire_report *wire = context->wire;
    if (wire == NULL) return json_null();
    const struct wire_tally all = wire_sum(&wire->counts, WIRE_ANY, WIRE_ANY);
    json_t *object = json_object();
    set_integer(object, "packets", all.packets);
    set_integer(object, "ip_bytes", all.ip_bytes);
    set_integer(object, "payload_bytes", all.payload_bytes);
    set_integer(object, "dropped", all.dropped);
    set_integer(object, "foreign", wire->counts.foreign);
    set_integer(object, "device_drops", wire->counts.device_drops);
    for (int i = 0; i < WIRE_DIRECTIONS; i++) {
        set(object, wire_direction_names[i], wire_kinds(&wire->counts, i));
    }
    set(object, "one_way_us", delay(wire->delay));
    set(object, "late_us", delay(wire->late));
    return object;
}

static void set_wire(json_t *run, const struct result_context *context) {
    const struct options *options = context->options;
    const struct wire_report *report = context->wire;
    const bool laid = report != NULL;
    const double applied_ns = laid ? 2 * histogram_mean_ns(report->delay) : 0;
    set(run, "rtt_ms", laid ? json_real((double)options->rtt_ns / 1e6) : json_null());
    set(run, "rtt_applied_ms", laid ? json_real(applied_ns / 1e6) : json_null());
    set(run, "loss_percent", laid ? json_real(options->loss_percent) : json_null());
    set(run, "mtu_bytes",
        laid ? json_integer(options->mtu_bytes > 0 ? options->mtu_bytes : WIRE_MTU) : json_null());
    set(run, "wire", wire(context));
}

static json_t *per_message(const struct result_context *context) {
    const struct load_result *load = context->load;
    json_t *object = json_object();
    const double messages = (double)load->ok * 1e3; /* ns to us */
    const bool client = load->client_cpu_ns != UINT64_MAX && load->ok > 0;
    const bool server = load->server_cpu_ns != UINT64_MAX && load->ok > 0;
    const double client_us = client ? (double)load->client_cpu_ns / messages : 0;
    const double server_us = server ? (double)load->server_cpu_ns / messages : 0;
    /* Over the whole run, warm-up, opening and closing included. */
    const struct wire_report *report = context->wire;
    const bool alone = context->options->idle + context->options->silent == 0;
    const bool counted = report != NULL && load->exchanges > 0 && alone;
    const struct wire_tally all =
        counted ? wire_sum(&report->counts, WIRE_ANY, WIRE_ANY) : (struct wire_tally){0};
    const double exchanges = counted ? (double)load->exchanges : 1;
    set(object, "packets", counted ? json_real((double)all.packets / exchanges) : json_null());
    set(object, "wire_bytes", counted ? json_real((double)all.ip_bytes / exchanges) : json_null());
    set(object, "syscalls", json_null());
    set(object, "cpu_us", client && server ? json_real(client_us + server_us) : json_null());
    set(object, "client_cpu_us", client ? json_real(client_us) : json_null());
    set(object, "server_cpu_us", server ? json_real(server_us) : json_null());
    return object;
}

static void set_durations(json_t *run, const struct load_result *load, bool floor) {
    json_t *phases = json_object();
    for (int i = 0; i < LOAD_DURATIONS; i++) {
        const struct histogram *histogram = &load->durations[i];
        if (i < LOAD_CONNECT) {
            set(run, duration_fields[i], summary(histogram));
        } else {
            set(phases, duration_fields[i], phase(histogram));
        }
    }
    set(run, "phases_us", phases);
    set(run, "histogram_ns",
        floor ? json_array() : histogram_pairs(&load->durations[LOAD_LATENCY]));
}

static void set_validity(json_t *run, const struct result_context *context) {
    const struct options *options = context->options;
    const struct validity_input input = {
        .load = context->load,
        .variant = options->variants[0],
        .counters = context->counters,
        .server_counts = context->server_counts,
        .floor = options->role == ROLE_FLOOR,
        .open = options->rate_per_s > 0,
        .pauses = options->gap_ns > 0,
        .closes_idle = options->idle_timeout_ns > 0,
        .partial_batches = options->messages > 0 && context->load->depth > 1,
        .private_network = strcmp(context->network, "private") == 0,
        .shared_cpu = context->cpus->client == context->cpus->server,
        .latencies = context->load->durations[LOAD_LATENCY].count,
        .loses_packets =
            context->wire != NULL && (options->loss_percent > 0 || options->drop[0] > 0),
        .late_max_ns = options->late_max_ns,
        .device_drops = context->wire == NULL ? 0 : context->wire->counts.device_drops,
    };
    struct validity validity;
    validity_check(&validity, &input);
    json_t *because = json_array();
    for (unsigned i = 0; i < validity.count; i++) {
        (void)json_array_append_new(because, json_string(validity.reason[i]));
    }
    set(run, "valid", json_boolean(validity.count == 0));
    set(run, "invalid_because", because);
}

/*
 * What a connection takes on which nothing happens: memory of the server's
 * process, and of the kernel for both ends, which are on this machine.
 */
static json_t *idle(const struct result_context *context) {
    const struct beside_memory *memory = context->idle;
    const unsigned count = context->options->idle;
    if (memory == NULL) return json_null();
    json_t *object = json_object();
    set_integer(object, "connections", count);
    set_counter(object, "server_bytes_per_connection",
                beside_each(memory[0].server, memory[1].server, count));
    set_counter(object, "kernel_bytes_per_connection",
                beside_each(memory[0].kernel, memory[1].kernel, count));
    set_text(object, "kernel_source", "Slab of /proc/meminfo: of the machine, both ends");
    return object;
}

static void set_parameters(json_t *run, const struct result_context *context) {
    const struct options *options = context->options;
    set_text(run, "variant", options->variants[0]->name);
    set_text(run, "role", role_names[options->role]);
    set_integer(run, "size_bytes", options->size_bytes);
    set_integer(run, "reply_bytes", options->reply_bytes);
    set_integer(run, "connections", options->connections);
    set_integer(run, "pipeline", context->load->depth);
    set_text(run, "engine", engine_names[options->engine]);
    const bool ours = options->host == NULL && options->role != ROLE_FLOOR;
    set(run, "design", ours ? json_string(design_names[options->design]) : NULL);
    set(run, "workers", ours ? json_integer(options->workers) : NULL);
    set_integer(run, "idle_connections", options->idle);
    set_integer(run, "silent_connections", options->silent);
    set(run, "gap_ms", json_real((double)options->gap_ns / 1e6));
    set(run, "idle_timeout_ms",
        options->idle_timeout_ns > 0 ? json_real((double)options->idle_timeout_ns / 1e6) : NULL);
    set_text(run, "placement",
             options->host != NULL ? "remote" : placement_names[options->placement]);
    const bool placed = context->cpus->client >= 0;
    set(run, "cpus",
        placed ? json_pack("[i,i]", context->cpus->client, context->cpus->server) : json_null());
    set(run, "thread_siblings", json_boolean(context->cpus->siblings));
    set_text(run, "network", context->network);
    const bool open = options->rate_per_s > 0;
    set(run, "offered_per_s", open ? json_real(options->rate_per_s) : NULL);
    set(run, "delay_us", json_real((double)options->delay_ns / 1e3));
    set(run, "deadline_ms", json_real((double)options->deadline_ns / 1e6));
    set(run, "rto_floor_ms",
        options->variants[0]->retries ? json_real((double)options->rto_floor_ns / 1e6) : NULL);
}

/* How many messages one system call carries; null: not known. */
static json_t *per_call(uint64_t messages, uint64_t calls) {
    return calls > 0 ? json_real((double)messages / (double)calls) : json_null();
}

static uint64_t client_count(const struct load_result *load, const char *name) {
    for (unsigned i = 0; i < load->counter_count; i++) {
        if (strcmp(load->counters[i].name, name) == 0) return load->counters[i].value;
    }
    return 0;
}

/* What batching does, over the whole run: so that it is no unfair advantage in silence. */
static json_t *messages_per(const struct result_context *context) {
    const struct load_result *load = context->load;
    const uint64_t *server = context->server_counts;
    json_t *object = json_object();
    set(object, "client_send", per_call(load->exchanges, client_count(load, "send_calls")));
    set(object, "client_receive", per_call(load->answered, client_count(load, "receive_calls")));
    set(object, "server_receive",
        server == NULL ? NULL : per_call(server[ECHO_REQUESTS], server[ECHO_RECEIVES]));
    set(object, "server_send",
        server == NULL ? NULL : per_call(server[ECHO_REPLIES], server[ECHO_SENDS]));
    /* Requests and replies, in packets as they are on a wire: after segmentation. */
    const struct wire_report *report = context->wire;
    const uint64_t packets =
        report == NULL ? 0 : wire_sum(&report->counts, WIRE_ANY, WIRE_ANY).packets;
    set(object, "packet", per_call(2 * load->answered, packets));
    return object;
}

/* [[due, latency], ...] in us from the beginning of the counted time; null: no answer. */
static json_t *series(const struct load_open *open) {
    json_t *list = json_array();
    for (uint64_t i = 0; i < open->series_count; i++) {
        const struct load_point *point = &open->series[i];
        json_t *latency =
            point->latency_ns == UINT64_MAX ? json_null() : microseconds((double)point->latency_ns);
        (void)json_array_append_new(
            list, json_pack("[o,o]", microseconds((double)point->due_ns), latency));
    }
    return list;
}

static json_t *open_loop(const struct result_context *context) {
    const struct options *options = context->options;
    const struct load_result *load = context->load;
    const struct load_open *open = &load->open;
    if (options->rate_per_s <= 0 || options->role == ROLE_FLOOR) return json_null();
    const double elapsed_s = (double)(load->end_ns - load->start_ns) / 1e9;
    json_t *object = json_object();
    set_text(object, "arrivals", arrivals_names[options->arrivals]);
    set_text(object, "assign", assign_names[options->assign]);
    set_integer(object, "offered", open->offered);
    set_integer(object, "taken_up", open->taken_up);
    set_integer(object, "answered_in_time", open->in_time);
    set_integer(object, "unsent", open->unsent);
    set(object, "offered_per_s", json_real((double)open->offered / elapsed_s));
    set(object, "taken_up_per_s", json_real((double)open->taken_up / elapsed_s));
    set(object, "answered_per_s", json_real((double)open->in_time / elapsed_s));
    set(object, "overloaded", json_boolean(load_is_overloaded(load)));
    set(object, "lateness_us", summary(&open->lateness));
    if (open->series != NULL) set(object, "series_us", series(open));
    return object;
}

json_t *result_of_run(const struct result_context *context) {
    const struct load_result *load = context->load;
    json_t *run = json_object();
    if (run == NULL) return NULL;
    const double elapsed_s = (double)(load->end_ns - load->start_ns) / 1e9;
    set_parameters(run, context);
    set(run, "messages", messages(load));
    set(run, "errors", errors(load));
    set(run, "elapsed_s", json_real(elapsed_s));
    set(run, "throughput_per_s", json_real(elapsed_s > 0 ? (double)load->ok / elapsed_s : 0));
    set(run, "time_per_message_us",
        load->ok > 0 ? json_real(elapsed_s * 1e6 / (double)load->ok) : json_null());
    const bool floor = context->options->role == ROLE_FLOOR;
    set_durations(run, load, floor);
    set(run, "per_message", per_message(context));
    set(run, "messages_per", messages_per(context));
    set(run, "open_loop", open_loop(context));
    set(run, "idle", idle(context));
    set_wire(run, context);
    set(run, "counters", counters(context));
    set(run, "executions", executions(context));
    set(run, "time_wait", time_wait(context));
    set(run, "ports", ports(context));
    set_text(run, "profile", profile_names[context->options->profile]);
    set(run, "settings", settings(context));
    set_validity(run, context);
    return run;
}

static const json_t *at_path(const json_t *run, const char *path) {
    while (run != NULL) {
        const char *dot = strchr(path, '.');
        if (dot == NULL) return json_object_get(run, path);
        run = json_object_getn(run, path, (size_t)(dot - path));
        path = dot + 1;
    }
    return NULL;
}

double result_number(const json_t *run, const char *path, double fallback) {
    const json_t *found = at_path(run, path);
    return json_is_number(found) ? json_number_value(found) : fallback;
}

const char *result_text(const json_t *run, const char *path) {
    const char *text = json_string_value(at_path(run, path));
    return text == NULL ? "" : text;
}
