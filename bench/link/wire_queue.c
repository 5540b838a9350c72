/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_AT_FIRST = 256 };
static const size_t bytes_most = (size_t)1 << 30;

static struct wire_held *slot(const struct wire_queue *queue, size_t index) {
    const size_t wrapped = index & (queue->slot_count - 1); /* a power of two */
    return (struct wire_held *)(void *)(queue->slots + wrapped * queue->slot_bytes);
}

int wire_queue_open(struct wire_queue *queue, size_t frame_bytes) {
    const size_t align = sizeof(uint64_t);
    const size_t bytes = (sizeof(struct wire_held) + frame_bytes + align - 1) / align * align;
    *queue = (struct wire_queue){.slot_bytes = bytes, .slot_count = SLOTS_AT_FIRST};
    queue->slots = calloc(queue->slot_count, bytes);
    return queue->slots == NULL ? -ENOMEM : 0;
}

void wire_queue_close(struct wire_queue *queue) {
    free(queue->slots);
    queue->slots = NULL;
}

/* Twice the room, the oldest at its beginning. */
static bool grow(struct wire_queue *queue) {
    const size_t size = queue->slot_count * queue->slot_bytes;
    if (2 * size > bytes_most) return false;
    uint8_t *larger = malloc(2 * size);
    if (larger == NULL) return false;
    const size_t start = (queue->first & (queue->slot_count - 1)) * queue->slot_bytes;
    memcpy(larger, queue->slots + start, size - start);
    memcpy(larger + size - start, queue->slots, start);
    free(queue->slots);
    queue->slots = larger;
    queue->slot_count *= 2;
    queue->first = 0;
    return true;
}

struct wire_held *wire_queue_push(struct wire_queue *queue) {
    if (queue->count == queue->slot_count && !grow(queue)) return NULL;
    return slot(queue, queue->first + queue->count++);
}

struct wire_held *wire_queue_first(struct wire_queue *queue) {
    return queue->count == 0 ? NULL : slot(queue, queue->first);
}

void wire_queue_pop(struct wire_queue *queue) {
    queue->first++;
    queue->count--;
}
