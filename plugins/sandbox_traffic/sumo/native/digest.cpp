// What learners see of the values read from SUMO: observations, reward terms, masks and sums for metrics.
//
// The same as state.py, observations.py, reward.py and metrics.py, to the last bit: sums are taken in the order of
// NumPy's `add.reduce`. Called from ../../digest.py; tables are those of `SignalNetwork`.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

using Real = const double*;
using Index = const int64_t*;

namespace {

enum Term {
    QUEUE, OUTSIDE, WAITING, WAITING_DIFFERENCE, PRESSURE, DELAY, MEAN_SPEED, THROUGHPUT, BRAKING, SPILLBACK, PEOPLE,
    CO2, FUEL, TERMS
};
enum Field { COUNT, STANDING, WAITED, SLOWNESS, WAITING_OUTSIDE, GAP, PASSED, INCOMING, FIELDS };

// NumPy's pairwise summation of contiguous numbers.
double sum(const double* numbers, int64_t n) {
    if (n < 8) {
        double total = 0;
        for (int64_t i = 0; i < n; i++) total += numbers[i];
        return total;
    }
    if (n <= 128) {
        double part[8];
        for (int i = 0; i < 8; i++) part[i] = numbers[i];
        int64_t i = 8;
        for (; i < n - n % 8; i += 8)
            for (int j = 0; j < 8; j++) part[j] += numbers[i + j];
        double total = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
        for (; i < n; i++) total += numbers[i];
        return total;
    }
    const int64_t half = n / 2 - n / 2 % 8;
    return sum(numbers, half) + sum(numbers + half, n - half);
}

}  // namespace

extern "C" {

// Filled by Python; the order of fields is that of `digest.py`.
struct Digest {
    int64_t envs, signals, lanes, edges, loops, crossings, emitting, size;
    int64_t approaches, exits, movements, phases, rings, walks, members, entries, blocks, columns, width, same_size;
    double interval, vehicle_space, outside_scale, loop_decay, waiting_scale, max_green_time, resco_vehicles,
        resco_waiting, max_value;
    Index lane_index; Real lane_weight; Index edge_index; Real edge_weight; Index incoming;
    Index approach_table, exit_table, crossing_table, movement_approach, movement_exit, upstream_signal;
    Real capacity, lane_length, exit_length, upstream_green;
    Index ring_phases; Real min_green, max_green; const uint8_t* phase_exists;
    Index block_kinds, block_starts, column_table;
    Real weights;
    // What is read, and what is written.
    Real values, now; Index phase; Real green_since, arriving;
    float* observation; uint8_t* mask; double *terms, *total, *sums, *seconds, *approach_values;
    double *before_waiting, *before_passed, *before_braking, *before_now; int64_t* before_phase;
};

// `moment`: 0 after an interval, 1 where episodes begin, 2 to look again at the same time.
void digest_update(const Digest* d, int moment) {
    const bool first = moment == 1, interval_over = moment == 0;
    const int64_t S = d->signals, A = d->approaches, P = d->phases, R = d->rings, N = d->loops, L = d->lanes;
    std::vector<double> gathered(FIELDS * (N + 1), 0.0), slowness(L), row(std::max<int64_t>({A, d->exits, d->walks, 1})),
        scratch(std::max<int64_t>({d->members, d->entries, 1}));
    std::vector<double> table(FIELDS * A), near(std::max<int64_t>(A, 1)), out(std::max<int64_t>(d->exits, 1)),
        out_queue(std::max<int64_t>(d->exits, 1)), full(d->columns + 1);
    for (int64_t env = 0; env < d->envs; env++) {
        const double* v = d->values + env * d->size;
        const double *count = v, *halting = v + L, *waiting = halting + L, *pace = waiting + L, *outside = pace + L,
                     *gap = outside + d->edges, *passed = gap + N, *people = passed + N,
                     *people_time = people + d->crossings, *co2 = people_time + d->crossings, *fuel = co2 + d->emitting,
                     braking = v[d->size - 1];
        for (int64_t lane = 0; lane < L; lane++) slowness[lane] = count[lane] * std::max(1.0 - pace[lane], 0.0);
        const double* lanes[4] = {count, halting, waiting, slowness.data()};
        auto grouped = [&](const double* of, int64_t group) {
            const int64_t start = group * d->members;
            for (int64_t m = 0; m < d->members; m++) scratch[m] = of[d->lane_index[start + m]] * d->lane_weight[start + m];
            return sum(scratch.data(), d->members);
        };
        double* g = gathered.data();
        for (int64_t a = 0; a < N; a++) {
            for (int field = 0; field < 4; field++) g[field * (N + 1) + a] = grouped(lanes[field], a);
            const int64_t start = a * d->entries;
            for (int64_t m = 0; m < d->entries; m++)
                scratch[m] = outside[d->edge_index[start + m]] * d->edge_weight[start + m];
            g[WAITING_OUTSIDE * (N + 1) + a] = sum(scratch.data(), d->entries);
            g[GAP * (N + 1) + a] = gap[a];
            g[PASSED * (N + 1) + a] = passed[a];
            g[INCOMING * (N + 1) + a] = count[d->incoming[a]];
        }
        const double interval = d->now[env] - d->before_now[env];
        if (first) d->seconds[env] = 0;
        else if (interval_over) d->seconds[env] += interval;
        for (int64_t s = 0; s < S; s++) {
            const int64_t at = env * S + s, phase = d->phase[at];
            for (int field = 0; field < FIELDS; field++)
                for (int64_t a = 0; a < A; a++) table[field * A + a] = g[field * (N + 1) + d->approach_table[s * A + a]];
            double total[FIELDS];
            for (int field = 0; field < FIELDS; field++) {
                total[field] = sum(table.data() + field * A, A);
                std::copy_n(table.data() + field * A, A, d->approach_values + ((field * d->envs + env) * S + s) * A);
            }
            for (int64_t e = 0; e < d->exits; e++) {
                const int64_t lane = d->exit_table[s * d->exits + e];
                out[e] = lane < L ? count[lane] : 0.0;
                out_queue[e] = lane < L ? halting[lane] : 0.0;
            }
            const double crossed = first ? 0.0 : total[PASSED] - d->before_passed[at];
            // -- reward terms
            auto term = [&](Term which) -> double& { return d->terms[which * d->envs * S + at]; };
            for (int64_t a = 0; a < A; a++) {
                const double n = table[WAITING_OUTSIDE * A + a];
                row[a] = d->outside_scale * n / (d->outside_scale + n);
            }
            term(QUEUE) = total[STANDING];
            term(OUTSIDE) = sum(row.data(), A);
            term(WAITING) = total[WAITED];
            term(WAITING_DIFFERENCE) = total[WAITED] - d->before_waiting[at];
            term(PRESSURE) = total[INCOMING] - sum(out.data(), d->exits);
            term(DELAY) = total[SLOWNESS];
            term(MEAN_SPEED) = 1.0 - total[SLOWNESS] / std::max(total[COUNT], 1.0);
            term(THROUGHPUT) = crossed;
            term(BRAKING) = braking - d->before_braking[env];
            term(SPILLBACK) = total[WAITING_OUTSIDE];
            for (int64_t w = 0; w < d->walks; w++) {
                const int64_t crossing = d->crossing_table[s * d->walks + w];
                row[w] = crossing < d->crossings ? people[crossing] : 0.0;
            }
            term(PEOPLE) = sum(row.data(), d->walks);
            for (int which = 0; which < 2; which++) {
                const double* rate = which ? fuel : co2;
                if (d->emitting)
                    for (int64_t a = 0; a < A; a++) {
                        const int64_t group = d->approach_table[s * A + a];
                        row[a] = group < N ? grouped(rate, group) : 0.0;
                    }
                term(which ? FUEL : CO2) = d->emitting ? sum(row.data(), A) : 0.0;
            }
            double reward = 0.0;
            for (int which = 0; which < TERMS; which++)
                if (d->weights[which] != 0) reward = reward + d->weights[which] * term(Term(which));
            d->total[at] = reward;
            // -- sums for the metrics of signals
            double* sums = d->sums + at;
            const int64_t step = d->envs * S;
            if (first) {
                for (int number = 0; number < 5; number++) sums[number * step] = 0;
            } else if (interval_over) {
                sums[0] += total[STANDING] * interval;
                sums[step] += total[SLOWNESS] * interval;
                sums[2 * step] += total[WAITING_OUTSIDE] * interval;
                sums[3 * step] += crossed;
                sums[4 * step] += phase != d->before_phase[at];
            }
            // -- masks
            const int64_t* shown = d->ring_phases + (s * P + phase) * R;
            const double *low = d->min_green + (s * P + phase) * R, *high = d->max_green + (s * P + phase) * R,
                         *since = d->green_since + at * R;
            bool settled = true;
            for (int64_t r = 0; r < R; r++) settled &= d->now[env] - since[r] >= 0;
            bool any = false;
            uint8_t* mask = d->mask + at * P;
            for (int64_t p = 0; p < P; p++) {
                bool allowed = d->phase_exists[s * P + p];
                for (int64_t r = 0; r < R; r++) {
                    const double green = d->now[env] - since[r];
                    const bool may_go = green >= low[r] && settled;
                    const bool may_stay = green + d->interval <= high[r] || !may_go;
                    allowed &= d->ring_phases[(s * P + p) * R + r] != shown[r] ? may_go : may_stay;
                }
                mask[p] = allowed;
                any |= allowed;
            }
            mask[phase] |= !any;
            // -- observation
            for (int64_t b = 0; b < d->blocks; b++) {
                double* o = full.data() + d->block_starts[b];
                const double *tc = table.data(), *tq = tc + A, *tw = tq + A, *ts = tw + A, *to = ts + A, *ti = tc + INCOMING * A;
                const double* space = d->capacity + s * A;
                const double* length = d->lane_length + s * A;
                switch (d->block_kinds[b]) {
                    case 0: for (int64_t p = 0; p < P; p++) o[p] = p == phase; break;
                    case 1: for (int64_t r = 0; r < R; r++) o[r] = d->now[env] - since[r] >= low[r]; break;
                    case 2:
                        for (int64_t r = 0; r < R; r++)
                            o[r] = std::min(std::max((d->now[env] - since[r]) / d->max_green_time, 0.0), 1.0);
                        break;
                    case 3: for (int64_t a = 0; a < A; a++) o[a] = std::min(tc[a] / space[a], 1.0); break;
                    case 4: for (int64_t a = 0; a < A; a++) o[a] = std::min(tq[a] / space[a], 1.0); break;
                    case 5: for (int64_t a = 0; a < A; a++) o[a] = to[a] / (to[a] + d->outside_scale); break;
                    case 6:
                        for (int64_t a = 0; a < A; a++) {
                            const int64_t place = d->approach_table[s * A + a];
                            o[a] = place < N ? d->arriving[env * N + place] : 1.0;
                        }
                        break;
                    case 7: for (int64_t a = 0; a < A; a++) o[a] = std::min(ts[a] / space[a], 1.0); break;
                    case 8: for (int64_t a = 0; a < A; a++) o[a] = tw[a] / (tw[a] + d->waiting_scale); break;
                    case 9:
                    case 10:
                        for (int64_t w = 0; w < d->walks; w++) {
                            const int64_t crossing = d->crossing_table[s * d->walks + w];
                            const bool seconds = d->block_kinds[b] == 10;
                            const double n = crossing < d->crossings ? (seconds ? people_time : people)[crossing] : 0.0;
                            o[w] = n / (n + (seconds ? d->waiting_scale : d->outside_scale));
                        }
                        break;
                    case 11:
                        for (int64_t e = 0; e < d->exits; e++)
                            o[e] = std::min(out_queue[e] * d->vehicle_space / d->exit_length[s * d->exits + e], 1.0);
                        break;
                    case 12:
                        for (int64_t a = 0; a < A; a++) {
                            const int64_t other = d->upstream_signal[s * A + a];
                            const int64_t other_phase = other < S ? d->phase[env * S + other] : 0;
                            o[a] = d->upstream_green[(s * A + a) * P + other_phase];
                        }
                        break;
                    case 13: for (int64_t a = 0; a < A; a++) o[a] = std::min(ti[a] * d->vehicle_space / length[a], 1.0); break;
                    case 14:
                        for (int64_t a = 0; a < A; a++) {
                            const int64_t place = d->approach_table[s * A + a];
                            const double queue = place < N ? halting[d->incoming[place]] : 0.0;
                            o[a] = std::min(queue * d->vehicle_space / length[a], 1.0);
                        }
                        break;
                    case 15: for (int64_t a = 0; a < A; a++) o[a] = (tc[a] - tq[a]) / d->resco_vehicles; break;
                    case 16: for (int64_t a = 0; a < A; a++) o[a] = std::min(tw[a] / d->resco_waiting, d->max_value); break;
                    case 17: for (int64_t a = 0; a < A; a++) o[a] = tq[a] / d->resco_vehicles; break;
                    case 18: for (int64_t a = 0; a < A; a++) o[a] = (tc[a] - ts[a]) / d->resco_vehicles; break;
                    case 19:
                        for (int64_t m = 0; m < d->movements; m++)
                            o[m] = (tc[d->movement_approach[s * d->movements + m]] -
                                    out[d->movement_exit[s * d->movements + m]]) / d->resco_vehicles;
                        break;
                    case 20: for (int64_t a = 0; a < A; a++) o[a] = tc[a] / d->resco_vehicles; break;
                }
            }
            full[d->columns] = 0;
            float* into = d->observation + at * d->width;
            for (int64_t w = 0; w < d->width; w++)
                into[w] = float(full[d->same_size ? w : d->column_table[s * d->width + w]]);
            // -- for the next interval
            d->before_waiting[at] = total[WAITED];
            d->before_passed[at] = total[PASSED];
            d->before_phase[at] = phase;
        }
        d->before_braking[env] = braking;
        d->before_now[env] = d->now[env];
    }
}

}  // extern "C"
