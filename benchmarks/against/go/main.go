// SPDX-License-Identifier: BSL-1.0

// Go's goroutines, channels and timers. Without arguments it lists its rows, with one it measures that row and prints
// the time of one item in seconds: CPU of the process for rows about one thread, else wall. Go has no loop to post to:
// a func is sent over a buffered channel to one goroutine.
package main

import (
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

const (
	batch         = 1000
	liveTimers    = 1000000
	sleepersCount = 100000
)

func wall() float64 { return float64(time.Now().UnixNano()) / 1e9 }

func cpu() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

// Runs pass once to warm up, then for at least 0.1 s, and returns seconds an item by the given clock.
func measure(clock func() float64, items int, pass func()) float64 {
	pass()
	passes, enough, begin := 0, wall()+0.1, clock()
	for passes == 0 || wall() < enough {
		pass()
		passes++
	}
	return (clock() - begin) / float64(passes) / float64(items)
}

func pinTo(core uint) {
	runtime.LockOSThread()
	cores := uint64(1) << core
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, 8, uintptr(unsafe.Pointer(&cores)))
}

func spawnJoin() float64 {
	runtime.GOMAXPROCS(1)
	var wait sync.WaitGroup
	count := 0
	return measure(cpu, batch, func() {
		for i := 0; i < batch; i++ {
			wait.Add(1)
			go func() { count++; wait.Done() }()
			wait.Wait()
		}
	})
}

func suspendResume() float64 {
	runtime.GOMAXPROCS(1)
	return measure(cpu, 1000*1000, func() {
		var wait sync.WaitGroup
		wait.Add(1000)
		for i := 0; i < 1000; i++ {
			go func() {
				for j := 0; j < 1000; j++ {
					runtime.Gosched()
				}
				wait.Done()
			}()
		}
		wait.Wait()
	})
}

// A goroutine that sends is Go's generator.
func generatorStep() float64 {
	runtime.GOMAXPROCS(1)
	sum := 0
	return measure(cpu, 100000, func() {
		values := make(chan int)
		go func() {
			for i := 0; i < 100000; i++ {
				values <- i
			}
			close(values)
		}()
		for value := range values {
			sum += value
		}
	})
}

func post(clock func() float64, posters int) float64 {
	calls := make(chan func(), 1024)
	ran := make(chan bool)
	const posts = 200000
	count := 0
	increment := func() { count++ }
	go func() {
		if posters > 0 {
			pinTo(0)
		}
		for {
			for i := 0; i < posts; i++ {
				(<-calls)()
			}
			ran <- true
		}
	}()
	if posters > 0 {
		pinTo(1)
	}
	return measure(clock, posts, func() {
		for i := 0; i < posts; i++ {
			calls <- increment
		}
		<-ran
	})
}

func postSameThread() float64 {
	runtime.GOMAXPROCS(1)
	return post(cpu, 0)
}

func postOtherThread() float64 { return post(wall, 1) }

func handOver() float64 {
	there, back := make(chan int), make(chan int)
	go func() {
		pinTo(1)
		for value := range there {
			back <- value
		}
	}()
	pinTo(0)
	return measure(wall, 1000, func() {
		for i := 0; i < 1000; i++ {
			there <- i
			<-back
		}
	})
}

func timerArmCancel() float64 {
	runtime.GOMAXPROCS(1)
	timers := make([]*time.Timer, liveTimers)
	delays := make([]time.Duration, liveTimers)
	for i := range delays {
		delays[i] = time.Duration(10000+rand.Intn(50000)) * time.Millisecond
	}
	return measure(cpu, liveTimers, func() {
		for i := range timers {
			timers[i] = time.AfterFunc(delays[i], func() {})
		}
		for _, timer := range timers {
			timer.Stop()
		}
	})
}

func sleepers() float64 {
	runtime.GOMAXPROCS(1)
	return measure(cpu, 1, func() {
		var wait sync.WaitGroup
		wait.Add(sleepersCount)
		for i := 0; i < sleepersCount; i++ {
			go func(delay time.Duration) {
				time.Sleep(delay)
				wait.Done()
			}(time.Duration(rand.Intn(100000)) * time.Microsecond)
		}
		wait.Wait()
	})
}

func main() {
	rows := map[string]func() float64{
		"spawn_join": spawnJoin, "suspend_resume": suspendResume, "generator_step/channel": generatorStep,
		"post_same_thread": postSameThread, "post_other_thread": postOtherThread, "hand_over": handOver,
		"timer_arm_cancel": timerArmCancel, "sleepers": sleepers,
	}
	if len(os.Args) < 2 {
		for name := range rows {
			fmt.Println(name)
		}
		return
	}
	fmt.Println(rows[os.Args[1]]())
}
