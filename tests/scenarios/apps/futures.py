"""Healthy: a pool of processes, a pool of threads, and a pool of processes once threads exist."""
import concurrent.futures
import time


def work(n):
    time.sleep(0.02)
    return n * n


if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        print(sum(pool.map(work, range(10))))
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        print(sum(threads.map(work, range(10))))
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            print(sum(pool.map(work, range(10))))
