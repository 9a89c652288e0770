/*
 * rules.h: the one table of rules: id, usual severity, meaning and remedy.
 * Reports, JSON, `forktrace check --help` and the man page read it; each rule
 * has a file here with a find_ and a tell_ function of its name.
 *
 * The order is that of findings of the same severity: causes come before what
 * follows from them.
 */
#ifndef FINDING_RULES_H
#define FINDING_RULES_H

/* clang-format off */
#define FINDING_RULES(X)                                                                                      \
    X(child_deadlock, "child-deadlock", ERROR,                                                                 \
      "A forked child waits for a lock whose owner is a thread that was not copied by the fork: nobody can "   \
      "ever release it.",                                                                                      \
      "Fork before the threads start, take the lock in pthread_atfork handlers (prepare locks, parent and "    \
      "child unlock), or exec right after the fork.")                                                          \
    X(thread_lost, "thread-lost-at-fork", WARNING,                                                             \
      "A thread was running when its process forked. A fork copies only the thread that calls it: in the "     \
      "child, which lives on without exec, the thread does not exist and its work is not done.",               \
      "Start the thread after the fork, in each child that needs it (uWSGI: @postfork of uwsgidecorators, or " \
      "--lazy-apps; gunicorn: the post_fork hook), or once, in a process of its own.")                         \
    X(global_diverged, "global-diverged", WARNING,                                                             \
      "A fork gives the child its own copy of every variable. One process went on writing this one, the "      \
      "others kept what they were born with.",                                                                 \
      "Keep the value where all processes see it (a database, Redis, uWSGI's cache, multiprocessing.Value "    \
      "made before the fork), or write it in each process that reads it.")                                     \
    X(greenlet_survives, "greenlet-survives-fork", WARNING,                                                    \
      "A greenlet was there when its process forked. Unlike a thread it is memory, which a fork copies: it "   \
      "goes on in the parent and in the child, and its work is done in both.",                                 \
      "Spawn it after the fork, in the process that should run it (gunicorn: the post_fork or "                \
      "post_worker_init hook, or no --preload), or end it in the child (gevent.killall) or in the parent.")    \
    X(greenlet_starved, "greenlet-starved", WARNING,                                                           \
      "Greenlets take turns on one thread, and only a call of gevent's or eventlet's gives way. One of them "  \
      "kept the thread for more than a second; the others, timers and connections too, got no turn.",           \
      "Do what blocks or computes for long elsewhere (gevent.get_hub().threadpool, eventlet.tpool, a "          \
      "process), use a library that monkey patching reaches, or give way in the loop: gevent.sleep(0).")        \
    X(bind_conflict, "bind-conflict", WARNING,                                                                 \
      "A process could not listen at an address because another one already does.",                            \
      "Let one process own the address: start the server in one place only (with a reloader: only if "         \
      "WERKZEUG_RUN_MAIN is 'true'), choose another port, or use SO_REUSEPORT where sharing is meant.")        \
    X(exit_blocked, "exit-blocked", WARNING,                                                                   \
      "A process was asked to end and could not: something it waits for while leaving does not end.",          \
      "Stop the thread that is waited for before leaving (server.shutdown(), an Event it looks at), or make "  \
      "it daemon=True if it may be cut off anywhere.")                                                         \
    X(killed_from_outside, "killed-from-outside", WARNING,                                                     \
      "A process was ended by a SIGKILL that none of the run sent: it could do nothing about it, its locks, "  \
      "files and children are as it left them.",                                                               \
      "Out of memory: more of it (memory.max of its cgroup), or fewer workers. Else ask who runs what is "     \
      "named: a supervisor whose time to stop is too short, systemd-oomd, a limit of CPU time.")                \
    X(never_ran, "thread-never-ran", WARNING,                                                                  \
      "A thread was created and got no turn: it waits for Python's interpreter lock (GIL), which is not "      \
      "given to it.",                                                                                          \
      "uWSGI: add --enable-threads (or threads = N). Elsewhere: release the GIL around calls that block "      \
      "(Py_BEGIN_ALLOW_THREADS).")                                                                             \
    X(stale_thread, "stale-thread-object", WARNING,                                                            \
      "Python still lists a thread as alive in a process in which it does not exist: is_alive() is true, "     \
      "join() waits for ever.",                                                                                \
      "Have Python told about the fork (uWSGI: --py-call-osafterfork), and start the thread in the child.")    \
    X(handler_replaced, "handler-replaced", WARNING,                                                           \
      "A signal has one handler a process. A handler was installed over that of somebody else, who is not "    \
      "called any more. (Told, too: one without SA_ONSTACK in a process that has Go in it.)",                  \
      "Install yours later (gunicorn: post_worker_init; uWSGI: @postfork), use the server's own hooks, or "    \
      "call the handler that signal.signal() or sigaction() returned from yours.")                             \
    X(lock_held, "lock-held-at-fork", WARNING,                                                                 \
      "A lock was held by another thread at a fork. In the child it stays locked for ever: its owner does "    \
      "not exist there.",                                                                                      \
      "Fork before the threads start, or take the lock around the fork with pthread_atfork.")                  \
    X(unsafe_call, "unsafe-call-after-fork", WARNING,                                                          \
      "The child of a process with threads called, before any exec, a function that takes a lock inside libc. "  \
      "The fork copied that lock as it was; a thread that held it does not exist in the child. (dlopen's lists "  \
      "it copied half-way: ld.so may end the process.)",                                                        \
      "Do it before the fork, or exec right after it; getaddrinfo and syslog: in a process of its own. "        \
      "(printf and malloc are safe: glibc looks after their locks.)")                                           \
    X(stdio_duplicated, "stdio-duplicated", WARNING,                                                            \
      "Output was still in a buffer of stdio at a fork. The child has a copy of the buffer: both write it.",    \
      "fflush(NULL) before the fork, or leave the child with _exit() or an exec.")                              \
    X(reaped_by_stranger, "reaped-by-stranger", WARNING,                                                        \
      "A child's exit status can be had once. Somebody who waits for any child took it, and who waits for this " \
      "one gets ECHILD; Python's subprocess then reports success.",                                             \
      "Wait for one's own children by their pid only. In a SIGCHLD handler: waitpid(pid) of those it knows, "   \
      "never waitpid(-1); and do not ignore SIGCHLD in a program that starts others.")                          \
    X(atfork_handler, "atfork-handler", NOTE,                                                                  \
      "A handler registered with pthread_atfork takes long, never returns, or its library was unloaded.",       \
      "Do in such handlers no more than to take and release locks; register them from the library whose code "  \
      "they are.")                                                                                             \
    X(fd_shared_after_fork, "fd-shared-after-fork", WARNING,                                                    \
      "A fork gives the child its parent's connections and epoll instances. When both go on using one, each "    \
      "takes what was meant for the other. (Listening sockets are meant to be shared: the kernel gives each "    \
      "new connection to one of those who accept. They are not reported.)",                                     \
      "Open connections after the fork, in each child (uWSGI: @postfork, --lazy-apps; gunicorn: post_fork), or "  \
      "dispose of the inherited ones there without closing them properly (SQLAlchemy: "                         \
      "engine.dispose(close=False)). epoll: make it in the process that waits.")                                \
    X(fd_shared_by_threads, "fd-shared-by-threads", WARNING,                                                   \
      "Several threads use one connection at once: what one asks for, another may be given, and parts of "      \
      "messages mix.",                                                                                         \
      "One connection each (threading.local, a pool), or a lock around each exchange: from the first byte "     \
      "sent to the last one read.")                                                                            \
    X(racy_writes, "racy-writes", NOTE,                                                                        \
      "Threads write a watched global in turn, with no lock that all of them hold: an update made from a value " \
      "that was read before is lost. Python's GIL orders the writes, not what was read for them.",                   \
      "Hold one lock from the reading to the writing (with lock: total += 1), or let one thread do all the "    \
      "writing and send it what to add through a queue.")                                                      \
    X(mask_inherited, "mask-inherited", WARNING,                                                               \
      "A program was started with signals blocked: exec keeps the mask, and the program does not expect it. "  \
      "The signals stay pending for ever.",                                                                    \
      "Empty the mask between fork and exec (sigprocmask; posix_spawnattr_setsigmask; Python: "                \
      "signal.pthread_sigmask in preexec_fn).")                                                                \
    X(zombie, "zombie", NOTE,                                                                                  \
      "A child that has ended keeps its entry in the process table until its parent waits for it; it was not " \
      "waited for.",                                                                                           \
      "Wait for every child (waitpid, Popen.wait), or ignore SIGCHLD if its status is of no interest.")        \
    X(orphan, "orphan", NOTE,                                                                                  \
      "A process outlived its parent, which did not wait for it: init takes it over, and nobody of the tree "  \
      "can stop it.",                                                                                          \
      "Wait for children before leaving, or tie them to the parent with prctl(PR_SET_PDEATHSIG).")             \
    X(duplicate_thread, "duplicate-thread", NOTE,                                                              \
      "The same thread runs in several related processes. That is what one worker each is for; a job that "    \
      "should be done once is done several times.",                                                            \
      "If it should run once: start it in one process only (werkzeug's reloader: if "                          \
      "os.environ.get('WERKZEUG_RUN_MAIN') == 'true'; uWSGI: if uwsgi.worker_id() == 1).")                     \
    X(multithreaded_fork, "multithreaded-fork", NOTE,                                                          \
      "A process with several threads forked a child that does not exec: Python 3.12 warns of this, POSIX "    \
      "allows only async-signal-safe calls in such a child.",                                                  \
      "Fork first and start threads later, or use posix_spawn, subprocess, or multiprocessing's 'spawn' or "   \
      "'forkserver' start method.")                                                                            \
    X(unseen_child, "unseen-child", NOTE,                                                                      \
      "A process of the tree could not be watched: what it did is missing here.",                              \
      "Run a dynamically linked build of it without set-uid, with the library readable to it (in its root "    \
      "directory too).")
/* clang-format on */

#endif
