//! What the operating system and the runtime say of this process.

use std::fs;

use prometheus_client::metrics::MetricType;
use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};
use tokio::runtime::Handle;

use super::Metrics;
use crate::now_seconds;

/// Shows what every process has. Where the system does not tell a figure, it is not shown.
pub(super) fn register(metrics: &Metrics) {
    metrics.read_as(
        MetricType::Counter,
        "process_cpu_seconds",
        "Processor time this process has used, in seconds",
        || Some(cpu_seconds()),
    );
    metrics.read_as(
        MetricType::Gauge,
        "process_resident_memory_bytes",
        "Memory of this process that is in RAM, in bytes",
        resident_bytes,
    );
    metrics.read_as(
        MetricType::Gauge,
        "process_open_fds",
        "File descriptors that are open",
        open_descriptors,
    );
    metrics.read_as(
        MetricType::Gauge,
        "process_max_fds",
        "File descriptors that may be open",
        || getrlimit(Resource::Nofile).current.map(|it| it as f64),
    );
    let started = now_seconds() as f64;
    metrics.read(
        "process_start_time_seconds",
        "When this process started, in Unix time",
        move || started,
    );
    // Without a runtime, as in a test of these figures, there is nothing to tell of one.
    if let Ok(runtime) = Handle::try_current() {
        register_runtime(metrics, &runtime);
    }
}

fn register_runtime(metrics: &Metrics, runtime: &Handle) {
    let workers = runtime.metrics();
    metrics.read(
        "vow_runtime_workers",
        "Threads that work on tasks",
        move || workers.num_workers() as f64,
    );
    let tasks = runtime.metrics();
    metrics.read(
        "vow_runtime_tasks",
        "Tasks that have not ended",
        move || tasks.num_alive_tasks() as f64,
    );
    let queue = runtime.metrics();
    metrics.read(
        "vow_runtime_queue_depth",
        "Tasks that could go on and wait for a thread, in the queue that all threads share",
        move || queue.global_queue_depth() as f64,
    );
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1_024.0)
}

fn open_descriptors() -> Option<f64> {
    // One of them is the listing itself.
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(count.saturating_sub(1) as f64)
}
