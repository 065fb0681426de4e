// SPDX-License-Identifier: MIT
#include "tracks/events.h"

#include "report/json_values.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

void mb_events_reach(mb_events *events, double now_s) {
    if (events->count < events->most || events->cut || now_s >= events->to_s) return;
    events->to_s = now_s;
    events->cut = true;
}

const char *mb_events_quote(mb_events *events, const char *text) {
    json_t *value = mb_json_text(text);
    char *quoted = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    json_decref(value);
    events->text.length = 0;
    mb_strbuf_add(&events->text, quoted ? quoted : "\"\"");
    events->failed = events->failed || !quoted || events->text.failed;
    free(quoted);
    return events->text.failed ? "\"\"" : events->text.text;
}

// Eighths of a microsecond, of which binary fractions are made: a viewer that adds a slice's time to its
// begin comes to the next one's begin, not a rounding behind it.
static int64_t moment(double at_s) {
    return 125 * llround(at_s * 8e6);
}

// Of which process, and when; the rest of the event follows.
static void begin(mb_events *events, char phase, double at_s) {
    const int64_t ns = moment(at_s);
    events->count++;
    fprintf(events->file, ",\n{\"ph\":\"%c\",\"pid\":%u,\"ts\":%lld.%03lld", phase, events->process,
            (long long)(ns / 1000), (long long)(ns % 1000));
}

static void end(const mb_events *events, const char *args) {
    fprintf(events->file, *args ? ",\"args\":{%s}}" : "%s}", args);
}

void mb_events_name(mb_events *events, uint32_t track, const char *what, const char *name, uint32_t order) {
    const char *quoted = mb_events_quote(events, name);
    fprintf(events->file,
            ",\n{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"%s_name\",\"args\":{\"name\":%s}}"
            ",\n{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"%s_sort_index\",\"args\":{\"sort_index\":%u}}",
            events->process, track, what, quoted, events->process, track, what, order);
}

void mb_events_slice(mb_events *events, uint32_t track, const char *name, double from_s, double to_s,
                     const char *args) {
    const int64_t ns = moment(to_s) - moment(from_s);
    begin(events, 'X', from_s);
    fprintf(events->file, ",\"dur\":%lld.%03lld,\"tid\":%u,\"name\":\"%s\"", (long long)(ns / 1000),
            (long long)(ns % 1000), track, name);
    end(events, args);
}

void mb_events_instant(mb_events *events, uint32_t track, const char *name, double at_s, const char *args) {
    begin(events, 'i', at_s);
    fprintf(events->file, ",\"tid\":%u,\"s\":\"%s\",\"name\":%s", track, track ? "t" : "p", name);
    end(events, args);
}

// The viewer ties its ends to the slices of the two tracks at those moments.
void mb_events_arrow(mb_events *events, uint32_t from, double from_s, uint32_t to, double to_s,
                     const char *args) {
    const uint32_t tracks[] = {from, to};
    const double moments[] = {from_s, to_s};
    static const char phases[] = "sf";
    events->arrows++;
    for (int i = 0; i < 2; i++) {
        mb_events_instant(events, tracks[i], i ? "\"arrived\"" : "\"sent\"", moments[i], args);
        begin(events, phases[i], moments[i]);
        fprintf(events->file, ",\"tid\":%u,\"cat\":\"transfer\",\"name\":\"transfer\",\"id\":\"%u.%llu\"%s",
                tracks[i], events->process, (unsigned long long)events->arrows, i ? ",\"bp\":\"e\"" : "");
        end(events, "");
    }
}

void mb_events_counter(mb_events *events, const char *name, double at_s, const char *args) {
    begin(events, 'C', at_s);
    fprintf(events->file, ",\"name\":\"%s\"", name);
    end(events, args);
}

void mb_events_request(mb_events *events, char phase, uint64_t id, const char *name, double at_s,
                       const char *args) {
    begin(events, phase, at_s);
    fprintf(events->file, ",\"tid\":0,\"cat\":\"request\",\"id2\":{\"local\":\"%llx\"},\"name\":\"%s\"",
            (unsigned long long)id, name);
    end(events, args);
}
