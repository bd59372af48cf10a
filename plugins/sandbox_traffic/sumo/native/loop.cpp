// The loop of an episode: requests come over a socket, SUMO steps, values are read and sent back.
//
// `LocalSimulation` in ../local.py is the same in Python and says what the values are; both give the same bits.
// Python calls these functions through ctypes (../compiled.py). SUMO's functions are those of the extension
// module that Python has loaded, so there is one simulation, which both may use.

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

#include <libsumo/Edge.h>
#include <libsumo/InductionLoop.h>
#include <libsumo/Lane.h>
#include <libsumo/Person.h>
#include <libsumo/Simulation.h>
#include <libsumo/TrafficLight.h>
#include <libsumo/Vehicle.h>

using namespace libsumo;
using Names = std::vector<std::string>;

namespace {

constexpr double STANDING = 0.1;  // m/s
constexpr double MILLI = 1000.0;
constexpr int ENDED = 0, FAILED = -1;

struct Trip {
    double depart, delay, arrival, waiting, loss;
    long rank;  // by loading, which is the order of SUMO's output within a step
};

struct Loop {
    // What to read; see SimulationSpec.
    Names lanes, edges, loops, signals, areas;
    std::vector<double> limits;
    std::unordered_map<std::string, int> crossings;
    std::vector<std::unordered_map<std::string, int>> states;
    double step_length;
    bool every_vehicle, emissions, trips;
    double* values;
    // The parts of `values`.
    double *count, *halting, *waiting, *pace, *outside, *gap, *passed, *people, *people_time, *co2, *fuel, *shown,
        *braking;
    long size, crossing_count;
    // The episode.
    double now = 0, counted_until = 0, seconds = 0;
    bool followed = false;
    std::unordered_map<std::string, std::pair<double, double>> losses;
    Names loaded;
    std::unordered_map<std::string, long> ranks;
    std::unordered_map<std::string, double> stopped;  // s that emergency stops add to the waiting
    std::vector<Trip> log;
    std::vector<char> message;
    std::string error;
};

double processor_time() {
    timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec + 1e-9 * time.tv_nsec;
}

Names names(long number, const char** text) { return Names(text, text + number); }

template <typename Work> int guarded(Loop& loop, Work work) {
    try {
        work();
        return 0;
    } catch (const std::exception& error) {
        loop.error = error.what();
    } catch (...) {
        loop.error = "SUMO stopped without giving a reason.";
    }
    return FAILED;
}

// -- trips -----------------------------------------------------------------------------------------------------

void collect(Loop& loop) {
    if (!loop.trips) return;
    for (auto& name : Simulation::getLoadedIDList()) {
        loop.ranks[name] = loop.loaded.size();
        loop.loaded.push_back(std::move(name));
    }
    // SUMO's trips count the step of an emergency stop as waiting, its getter does not.
    for (const auto& name : Simulation::getEmergencyStoppingVehiclesIDList()) loop.stopped[name] += loop.step_length;
    const double arrival = loop.now - loop.step_length;
    for (const auto& name : Simulation::getArrivedIDList()) {
        auto found = loop.ranks.find(name);
        if (found == loop.ranks.end()) continue;
        const auto extra = loop.stopped.find(name);
        const double waiting =
            Vehicle::getAccumulatedWaitingTime(name) + (extra == loop.stopped.end() ? 0.0 : extra->second);
        loop.log.push_back({Vehicle::getDeparture(name), Vehicle::getDepartDelay(name), arrival, waiting,
                            Vehicle::getTimeLoss(name), found->second});
        loop.ranks.erase(found);
    }
}

// -- stepping and reading --------------------------------------------------------------------------------------

void simulate(Loop& loop, double until) {
    const double start = processor_time();
    Simulation::step(until);
    loop.seconds += processor_time() - start;
    loop.now = until;
}

void step(Loop& loop, double until) {
    if (!loop.trips) return simulate(loop, until);
    // Step by step, since SUMO tells who has arrived in a call and not when.
    const long steps = std::lround((until - loop.now) / loop.step_length);
    const double from = loop.now;
    for (long number = 1; number <= steps; number++) {
        simulate(loop, number == steps ? until : from + number * loop.step_length);
        collect(loop);
    }
}

void read_lanes(Loop& loop) {
    const size_t number = loop.lanes.size();
    std::memset(loop.halting, 0, 3 * number * sizeof(double));  // halting, waiting, pace
    for (size_t index = 0; index < number; index++) {
        const auto& name = loop.lanes[index];
        loop.count[index] = Lane::getLastStepVehicleNumber(name);
        if (loop.count[index] == 0) continue;
        loop.pace[index] = Lane::getLastStepMeanSpeed(name) / loop.limits[index];
        if (const int halting = Lane::getLastStepHaltingNumber(name)) {
            loop.halting[index] = halting;
            loop.waiting[index] = Lane::getWaitingTime(name);
        }
    }
}

double lost_share(Loop& loop, const std::string& name,
                  std::unordered_map<std::string, std::pair<double, double>>& losses_now) {
    const double loss = Vehicle::getTimeLoss(name);
    losses_now[name] = {loop.now, loss};
    const auto before = loop.losses.find(name);
    double share;
    if (before == loop.losses.end() || before->second.first >= loop.now) {
        share = 1.0 - Vehicle::getSpeed(name) / std::max(Vehicle::getAllowedSpeed(name), STANDING);
    } else {
        share = (loss - before->second.second) / (loop.now - before->second.first);
    }
    return std::min(std::max(share, 0.0), 1.0);
}

void read_vehicles(Loop& loop) {
    const size_t number = loop.lanes.size();
    std::memset(loop.count, 0, 4 * number * sizeof(double));
    std::unordered_map<std::string, std::pair<double, double>> losses_now;
    for (size_t index = 0; index < number; index++) {
        const auto& lane = loop.lanes[index];
        if (!Lane::getLastStepVehicleNumber(lane)) continue;
        double moving = 0, halting = 0, waiting = 0, lost = 0;
        for (const auto& name : Lane::getLastStepVehicleIDs(lane)) {
            if (Vehicle::getStopState(name) & 1) continue;  // as isStopped() in Python
            moving += 1;
            halting += Vehicle::getSpeed(name) < STANDING;
            waiting += Vehicle::getWaitingTime(name);
            lost += lost_share(loop, name, losses_now);
        }
        if (moving == 0) continue;
        loop.count[index] = moving;
        loop.halting[index] = halting;
        loop.waiting[index] = waiting;
        loop.pace[index] = 1.0 - lost / moving;
    }
    loop.losses.swap(losses_now);
}

void read_outside(Loop& loop) {
    const size_t number = loop.edges.size();
    long remaining = std::stol(Simulation::getParameter("", "stats.vehicles.waiting"));
    std::vector<double> before(loop.outside, loop.outside + number);
    std::fill_n(loop.outside, number, 0.0);
    if (!remaining) return;
    std::vector<size_t> order(number);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return before[a] > before[b]; });
    for (const size_t index : order) {
        const long waiting = Edge::getPendingVehicles(loop.edges[index]).size();
        loop.outside[index] = waiting;
        remaining -= waiting;
        if (remaining <= 0) break;
    }
}

void read_loops(Loop& loop) {
    for (size_t index = 0; index < loop.loops.size(); index++) {
        loop.gap[index] = InductionLoop::getTimeSinceDetection(loop.loops[index]);
        if (loop.gap[index] <= loop.now - loop.counted_until) {
            loop.passed[index] = InductionLoop::getIntervalVehicleNumber(loop.loops[index]);
        }
    }
    loop.counted_until = loop.now;
}

void read_pedestrians(Loop& loop) {
    std::fill_n(loop.people, 2 * loop.crossing_count, 0.0);
    for (const auto& area : loop.areas) {
        for (const auto& name : Edge::getLastStepPersonIDs(area)) {
            const auto crossing = loop.crossings.find(Person::getNextEdge(name));
            if (crossing == loop.crossings.end() || Person::getSpeed(name) >= STANDING) continue;
            loop.people[crossing->second] += 1;
            loop.people_time[crossing->second] += Person::getWaitingTime(name);
        }
    }
}

void read_signals(Loop& loop) {
    for (size_t index = 0; index < loop.signals.size(); index++) {
        const auto found = loop.states[index].find(TrafficLight::getRedYellowGreenState(loop.signals[index]));
        loop.shown[index] =
            found == loop.states[index].end() ? std::max(loop.shown[index], 0.0) : double(found->second);
    }
}

void read(Loop& loop) {
    if (loop.every_vehicle) read_vehicles(loop);
    else read_lanes(loop);
    read_outside(loop);
    read_loops(loop);
    if (!loop.areas.empty()) read_pedestrians(loop);
    if (loop.emissions) {
        for (size_t index = 0; index < loop.lanes.size(); index++) {
            loop.co2[index] = Lane::getCO2Emission(loop.lanes[index]) / MILLI;
            loop.fuel[index] = Lane::getFuelConsumption(loop.lanes[index]) / MILLI;
        }
    }
    if (loop.followed) read_signals(loop);
    *loop.braking = std::stod(Simulation::getParameter("", "stats.safety.emergencyBraking"));
}

// -- requests --------------------------------------------------------------------------------------------------

template <typename Number> Number take(const char*& from) {
    Number number;
    std::memcpy(&number, from, sizeof number);
    from += sizeof number;
    return number;
}

std::string take_text(const char*& from) {
    const auto length = take<uint16_t>(from);
    std::string text(from, length);
    from += length;
    return text;
}

void advance(Loop& loop, const char* request) {  // as protocol.py encodes it
    request += 1;
    const double until = take<double>(request);
    for (auto left = take<uint32_t>(request); left; left--) {
        const double time = take<double>(request);
        const std::string signal = take_text(request), state = take_text(request);
        if (time > loop.now) step(loop, time);
        TrafficLight::setRedYellowGreenState(signal, state);
    }
    step(loop, until);
    read(loop);
}

bool receive(int socket, char* into, size_t number) {
    while (number) {
        const ssize_t got = ::read(socket, into, number);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        into += got;
        number -= got;
    }
    return true;
}

bool answer(int socket, const char* bytes, size_t number) {
    const uint32_t header = __builtin_bswap32(uint32_t(number));
    iovec parts[2] = {{(void*)&header, 4}, {(void*)bytes, number}};
    while (parts[1].iov_len) {
        iovec* first = parts[0].iov_len ? parts : parts + 1;
        ssize_t sent = ::writev(socket, first, parts[0].iov_len ? 2 : 1);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        for (auto& part : parts) {
            const size_t done = std::min(size_t(sent), part.iov_len);
            part.iov_base = (char*)part.iov_base + done;
            part.iov_len -= done;
            sent -= done;
        }
    }
    return true;
}

}  // namespace

extern "C" {

void* loop_new(const long* lengths, const char** lanes, const double* limits, const char** edges, const char** loops,
               const char** signals, const char** areas, const char** crossings, double step_length,
               const int* flags, double* values) {
    auto* loop = new Loop;
    loop->lanes = names(lengths[0], lanes);
    loop->limits.assign(limits, limits + lengths[0]);
    loop->edges = names(lengths[1], edges);
    loop->loops = names(lengths[2], loops);
    loop->signals = names(lengths[3], signals);
    loop->areas = names(lengths[4], areas);
    for (int index = 0; index < lengths[5]; index++) loop->crossings[crossings[index]] = index;
    loop->states.resize(lengths[3]);
    loop->crossing_count = lengths[5];
    loop->step_length = step_length;
    loop->every_vehicle = flags[0];
    loop->emissions = flags[1];
    loop->trips = flags[2];
    double* part = loop->values = values;
    const long emitting = flags[1] ? lengths[0] : 0;
    const std::pair<double**, long> layout[] = {
        {&loop->count, lengths[0]}, {&loop->halting, lengths[0]}, {&loop->waiting, lengths[0]},
        {&loop->pace, lengths[0]}, {&loop->outside, lengths[1]}, {&loop->gap, lengths[2]},
        {&loop->passed, lengths[2]}, {&loop->people, lengths[5]}, {&loop->people_time, lengths[5]},
        {&loop->co2, emitting}, {&loop->fuel, emitting}, {&loop->shown, lengths[3]}, {&loop->braking, 1}};
    for (const auto& [place, length] : layout) {
        *place = part;
        part += length;
    }
    loop->size = part - values;
    return loop;
}

void loop_state(void* handle, long signal, const char* state, int phase) {
    ((Loop*)handle)->states[signal][state] = phase;
}

int loop_begin(void* handle, double time) {
    auto& loop = *(Loop*)handle;
    loop.now = loop.counted_until = time;
    loop.followed = false;
    loop.losses.clear();
    loop.loaded.clear();
    loop.ranks.clear();
    loop.stopped.clear();
    loop.log.clear();
    return guarded(loop, [&] { collect(loop); });
}

int loop_read(void* handle) {
    auto& loop = *(Loop*)handle;
    return guarded(loop, [&] { read(loop); });
}

int loop_follow(void* handle) {
    auto& loop = *(Loop*)handle;
    loop.followed = true;
    return guarded(loop, [&] { read_signals(loop); });
}

int loop_step(void* handle, double until) {
    auto& loop = *(Loop*)handle;
    return guarded(loop, [&] { step(loop, until); });
}

int loop_advance(void* handle, const char* request) {
    auto& loop = *(Loop*)handle;
    return guarded(loop, [&] { advance(loop, request); });
}

// Answers requests to advance until another one comes: returns the length of that one, which `loop_message`
// gives, ENDED at the end of the connection, or FAILED after an error of SUMO's, to which Python answers.
long loop_serve(void* handle, int socket) {
    auto& loop = *(Loop*)handle;
    for (;;) {
        uint32_t header;
        if (!receive(socket, (char*)&header, 4)) return ENDED;
        const size_t length = __builtin_bswap32(header);
        loop.message.resize(length);
        if (!receive(socket, loop.message.data(), length)) return ENDED;
        if (!length || loop.message[0] != 'a') return length;
        if (guarded(loop, [&] { advance(loop, loop.message.data()); })) return FAILED;
        if (!answer(socket, (const char*)loop.values, loop.size * sizeof(double))) return ENDED;
    }
}

const char* loop_message(void* handle) { return ((Loop*)handle)->message.data(); }
const char* loop_error(void* handle) { return ((Loop*)handle)->error.c_str(); }
double loop_seconds(void* handle) { return ((Loop*)handle)->seconds; }

// Vehicles that have arrived, and their depart, delay, arrival, waiting, loss and rank, six numbers each.
long loop_arrived(void* handle, double* rows) {
    auto& loop = *(Loop*)handle;
    if (rows)
        for (const auto& trip : loop.log) {
            const double row[] = {trip.depart, trip.delay, trip.arrival, trip.waiting, trip.loss, double(trip.rank)};
            rows = std::copy(row, row + 6, rows);
        }
    return loop.log.size();
}

// Names of all vehicles that have been loaded, in order, valid until the next step, and what emergency stops add to
// their waiting, s.
long loop_loaded(void* handle, const char** into, double* stopped) {
    auto& loop = *(Loop*)handle;
    if (into)
        for (const auto& name : loop.loaded) {
            *into++ = name.c_str();
            const auto extra = loop.stopped.find(name);
            *stopped++ = extra == loop.stopped.end() ? 0.0 : extra->second;
        }
    return loop.loaded.size();
}

}  // extern "C"
