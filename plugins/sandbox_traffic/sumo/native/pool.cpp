// An allocator for C++ objects in the processes that run SUMO, preloaded there: a process runs one simulation on
// one thread, makes and frees a great number of small objects, and ends with its episode.
//
// Objects of up to 512 bytes come from pages of one size each, and freed ones are taken first. Memory goes back to
// the system when the process ends. Everything else, and other threads, are left to malloc.

#include <cstdint>
#include <cstdlib>
#include <new>
#include <sys/mman.h>

namespace {

constexpr size_t REGION = size_t(1) << 36, PAGE = size_t(1) << 16, STEP = 16, LARGEST = 512;

struct Free {
    Free* next;
};

char *region = nullptr, *fresh = nullptr;
Free* free_lists[LARGEST / STEP + 1];
char *cursor[LARGEST / STEP + 1], *limit[LARGEST / STEP + 1];
uint8_t* kinds = nullptr;  // of each page
__attribute__((tls_model("initial-exec"))) thread_local bool mine = false;  // on the thread that has the region

bool reserve() {
    static bool tried = false;
    if (tried) return false;
    tried = true;
    mine = true;
    auto map = [](size_t bytes) {
        void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        return memory == MAP_FAILED ? nullptr : (char*)memory;
    };
    kinds = (uint8_t*)map(REGION / PAGE);
    char* memory = map(REGION);
    if (!kinds || !memory) return false;
    madvise(memory, REGION, MADV_HUGEPAGE);
    fresh = (char*)((uintptr_t(memory) + PAGE - 1) & ~(PAGE - 1));
    region = fresh;
    return true;
}

void* refill(size_t kind) {
    if (!region && !reserve()) return nullptr;
    if (size_t(fresh - region) + 2 * PAGE > REGION) return nullptr;
    kinds[(fresh - region) / PAGE] = uint8_t(kind);
    cursor[kind] = fresh + kind * STEP;
    limit[kind] = fresh + PAGE - kind * STEP;
    char* first = fresh;
    fresh += PAGE;
    return first;
}

inline void* allocate(size_t bytes) {
    if (__builtin_expect(bytes <= LARGEST && (mine || !region), 1)) {
        const size_t kind = bytes ? (bytes + STEP - 1) / STEP : 1;
        if (Free* first = free_lists[kind]) {
            free_lists[kind] = first->next;
            return first;
        }
        if (cursor[kind] && cursor[kind] <= limit[kind]) {
            void* object = cursor[kind];
            cursor[kind] += kind * STEP;
            return object;
        }
        if (void* object = refill(kind)) return object;
    }
    void* object = std::malloc(bytes ? bytes : 1);
    if (!object) throw std::bad_alloc();
    return object;
}

inline void release(void* object) noexcept {
    const size_t place = size_t((char*)object - region);  // of what lies before the region, a great number
    if (__builtin_expect(region && place < REGION, 1)) {
        if (!mine) return;  // of another thread: left until the process ends
        const size_t kind = kinds[place / PAGE];
        ((Free*)object)->next = free_lists[kind];
        free_lists[kind] = (Free*)object;
        return;
    }
    std::free(object);
}

}  // namespace

void* operator new(size_t bytes) { return allocate(bytes); }
void* operator new[](size_t bytes) { return allocate(bytes); }
void operator delete(void* object) noexcept { release(object); }
void operator delete[](void* object) noexcept { release(object); }
void operator delete(void* object, size_t) noexcept { release(object); }
void operator delete[](void* object, size_t) noexcept { release(object); }
