// A C++ server that forks while a thread of it holds a lock: names, lines and globals as C++ has them.
#include <cstdlib>
#include <mutex>
#include <thread>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace app {

class Server {
public:
    static long hits;
    static std::mutex lock;
    std::thread start(int times); // two kinds of threads, which libstdc++ starts by one routine
    std::thread watch(int times);
    void run(int times);
    static void stop(int) { _exit(0); }
};

long Server::hits;
std::mutex Server::lock;

namespace {
int seen;
}

template <class T> struct Pool {
    static T size;
};
template <class T> T Pool<T>::size;

void Server::run(int times)
{
    for (int i = 0; i < times; i++) {
        std::lock_guard<std::mutex> hold(lock);
        hits++;
        usleep(1000);
    }
}

std::thread Server::start(int times)
{
    return std::thread(&Server::run, this, times); // the line of a start
}

std::thread Server::watch(int times)
{
    return std::thread([times] {
        for (int i = 0; i < times; i++) ++seen, usleep(1000);
    });
}

void work()
{
    for (int i = 0; i < 60; i++) ++Pool<long>::size, usleep(1000);
}

} // namespace app

int main(int argc, char **argv)
{
    app::Server server;
    signal(SIGTERM, app::Server::stop);
    std::thread runs = server.start(400), watches = server.watch(400);
    usleep(50000);
    pid_t child = fork();
    if (!child) {
        std::thread own = server.watch(1); // of this one it has its own
        own.join();
        app::work();
        if (argc > 1) app::Server::lock.lock(); // the line of the wait
        _exit(0);
    }
    usleep(300000);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    runs.join();
    watches.join();
}
