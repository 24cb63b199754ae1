//! The connections of a process to its databases as its metrics show them, and how long transactions wait for one.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge, histogram::Histogram},
};
use sea_orm::{DatabaseBackend, DatabaseConnection};

/// In seconds, from a connection that is at hand to the longest that anybody waits for one.
const WAIT_BUCKETS: [f64; 10] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 3.0];

/// The two databases of one process. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) values: Pools,
    pub(crate) keys: Pools,
}

/// The pools of connections to one database. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Pools {
    pools: Arc<Mutex<Vec<DatabaseConnection>>>,
    pub(crate) waits: Histogram,
}

/// How many connections there are at one moment.
#[derive(Clone, Copy, Default)]
struct Connections {
    used: u64,
    idle: u64,
    max: u64,
}

impl Watched {
    pub(crate) fn new() -> Watched {
        Watched {
            values: Pools::new(),
            keys: Pools::new(),
        }
    }
}

impl Pools {
    fn new() -> Pools {
        Pools {
            pools: Arc::default(),
            waits: Histogram::new(WAIT_BUCKETS),
        }
    }

    /// Counts the connections of a pool from now on.
    pub(crate) fn add(&self, pool: &DatabaseConnection) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.push(pool.clone());
    }

    fn connections(&self) -> Connections {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = Connections::default();
        for pool in pools.iter() {
            let (size, idle, max) = match pool.get_database_backend() {
                DatabaseBackend::Postgres => {
                    let pool = pool.get_postgres_connection_pool();
                    let max = pool.options().get_max_connections();
                    (pool.size(), pool.num_idle(), max)
                }
                _ => {
                    let pool = pool.get_sqlite_connection_pool();
                    let max = pool.options().get_max_connections();
                    (pool.size(), pool.num_idle(), max)
                }
            };
            let idle = idle as u64;
            sum.idle += idle;
            // The two are not read at one moment.
            sum.used += u64::from(size).saturating_sub(idle);
            sum.max += u64::from(max);
        }
        sum
    }
}

impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let databases = [("values", &self.values), ("keys", &self.keys)];
        let mut family = encoder.encode_descriptor(
            "vow_database_connections",
            "Connections to the service's databases, by whether something uses them",
            None,
            MetricType::Gauge,
        )?;
        for (database, pools) in databases {
            let Connections { used, idle, .. } = pools.connections();
            for (state, count) in [("used", used), ("idle", idle)] {
                let labels = [("database", database), ("state", state)];
                let encoder = family.encode_family(&labels)?;
                ConstGauge::new(count).encode(encoder)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "vow_database_connections_max",
            "Connections that there may be at most",
            None,
            MetricType::Gauge,
        )?;
        for (database, pools) in databases {
            let labels = [("database", database)];
            let encoder = family.encode_family(&labels)?;
            ConstGauge::new(pools.connections().max).encode(encoder)?;
        }
        let mut family = encoder.encode_descriptor(
            "vow_database_wait_seconds",
            "Time until a transaction began: waiting for a connection, and its BEGIN",
            None,
            MetricType::Histogram,
        )?;
        for (database, pools) in databases {
            let labels = [("database", database)];
            pools.waits.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Watched(..)")
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pools(..)")
    }
}
