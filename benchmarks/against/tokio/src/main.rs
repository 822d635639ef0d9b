// SPDX-License-Identifier: BSL-1.0

//! tokio on its single-threaded runtime. Without arguments it lists its rows, with one it measures that row and prints
//! the time of one item in seconds: CPU of the process for rows about one thread, else wall. tokio has no call to post a
//! function: closures go over an unbounded channel.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::unbounded_channel;

const BATCH: usize = 1_000;
const LIVE_TIMERS: usize = 1_000_000;
const SLEEPERS: usize = 100_000;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn wall() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Runs `pass` once to warm up, then for at least 0.1 s, and returns seconds an item by `clock`.
fn measure(clock: fn() -> f64, items: usize, mut pass: impl FnMut()) -> f64 {
    pass();
    let (mut passes, enough, begin) = (0, wall() + 0.1, clock());
    while passes == 0 || wall() < enough {
        pass();
        passes += 1;
    }
    (clock() - begin) / passes as f64 / items as f64
}

fn pin_to(core: usize) {
    unsafe {
        let mut cores: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut cores);
        libc::sched_setaffinity(0, std::mem::size_of_val(&cores), &cores);
    }
}

/// Microseconds in [0, 100,000).
fn random_delays(count: usize) -> Vec<u64> {
    let mut seed: u64 = 1;
    let mut next = || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % 100_000
    };
    (0..count).map(|_| next()).collect()
}

fn spawn_join() -> f64 {
    let runtime = runtime();
    measure(cpu, BATCH, || {
        // The outer task is spawned: the future given to block_on is polled on a slower path.
        let outer = runtime.spawn(async {
            for i in 0..BATCH {
                tokio::spawn(async move { black_box(i) }).await.unwrap();
            }
        });
        runtime.block_on(outer).unwrap();
    })
}

struct Yield(bool);
impl Future for Yield {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

fn suspend_resume() -> f64 {
    let runtime = runtime();
    measure(cpu, 1000 * 1000, || {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..1000)
                .map(|_| {
                    tokio::spawn(async {
                        for _ in 0..1000 {
                            Yield(false).await;
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        })
    })
}

/// What recursion and `dyn Future` need; a plain `async fn` has no frame of its own and is compiled into its caller.
#[inline(never)]
fn successor(value: u64) -> Pin<Box<dyn Future<Output = u64>>> {
    Box::pin(async move { black_box(value) + 1 })
}

fn call_return() -> f64 {
    let runtime = runtime();
    measure(cpu, BATCH, || {
        runtime.block_on(async {
            let mut value = 0;
            for _ in 0..BATCH {
                value = successor(value).await;
            }
            black_box(value);
        })
    })
}

type Call = Box<dyn FnOnce(&mut u64) + Send>;
const POSTS: usize = 200_000;

fn post_same_thread() -> f64 {
    let runtime = runtime();
    let (sender, mut receiver) = unbounded_channel::<Call>();
    let mut count = 0;
    measure(cpu, BATCH, || {
        for _ in 0..BATCH {
            sender.send(Box::new(|count| *count += 1)).ok();
        }
        runtime.block_on(async {
            for _ in 0..BATCH {
                receiver.recv().await.unwrap()(black_box(&mut count));
            }
        })
    })
}

fn post_other_thread() -> f64 {
    let runtime = runtime();
    let (sender, mut receiver) = unbounded_channel::<Call>();
    let (go, going) = std::sync::mpsc::channel::<()>();
    pin_to(0);
    std::thread::spawn(move || {
        pin_to(1);
        while going.recv().is_ok() {
            for _ in 0..POSTS {
                sender.send(Box::new(|count| *count += 1)).ok();
            }
        }
    });
    let mut count = 0;
    measure(wall, POSTS, || {
        go.send(()).unwrap();
        runtime.block_on(async {
            for _ in 0..POSTS {
                receiver.recv().await.unwrap()(black_box(&mut count));
            }
        })
    })
}

fn hand_over() -> f64 {
    let (there, mut arrived) = unbounded_channel::<usize>();
    let (back, mut returned) = unbounded_channel::<usize>();
    pin_to(0);
    std::thread::spawn(move || {
        pin_to(1);
        runtime().block_on(async {
            while let Some(value) = arrived.recv().await {
                back.send(value).ok();
            }
        })
    });
    let runtime = runtime();
    measure(wall, BATCH, || {
        runtime.block_on(async {
            for i in 0..BATCH {
                there.send(i).unwrap();
                returned.recv().await.unwrap();
            }
        })
    })
}

fn timer_arm_cancel() -> f64 {
    let runtime = runtime();
    let delays = random_delays(LIVE_TIMERS);
    measure(cpu, LIVE_TIMERS, || {
        runtime.block_on(async {
            let begin = Instant::now();
            let mut timers = Vec::with_capacity(LIVE_TIMERS);
            std::future::poll_fn(|context| {
                for delay in &delays {
                    let deadline = begin + Duration::from_micros(10_000_000 + delay * 500);
                    let mut timer = Box::pin(tokio::time::sleep_until(deadline.into()));
                    let _ = timer.as_mut().poll(context); // arms it
                    timers.push(timer);
                }
                Poll::Ready(())
            })
            .await;
            drop(timers); // cancels them
        })
    })
}

fn sleepers() -> f64 {
    let delays = random_delays(SLEEPERS);
    measure(cpu, 1, || {
        runtime().block_on(async {
            let sleep = |delay: &u64| tokio::spawn(tokio::time::sleep(Duration::from_micros(*delay)));
            let tasks: Vec<_> = delays.iter().map(sleep).collect();
            for task in tasks {
                task.await.unwrap();
            }
        })
    })
}

fn main() {
    let rows: [(&str, fn() -> f64); 8] = [
        ("spawn_join", spawn_join),
        ("suspend_resume", suspend_resume),
        ("call_return/boxed", call_return),
        ("post_same_thread", post_same_thread),
        ("post_other_thread", post_other_thread),
        ("hand_over", hand_over),
        ("timer_arm_cancel", timer_arm_cancel),
        ("sleepers", sleepers),
    ];
    match std::env::args().nth(1) {
        None => rows.iter().for_each(|(name, _)| println!("{name}")),
        Some(wanted) => println!("{}", rows.iter().find(|(name, _)| *name == wanted).expect("a row").1()),
    }
}
