//! A build here and now: the worker's engine and the controller's state machine in one process.
//!
//! The same pure core as in the controller decides what comes next (`brain`), the same engine as in the
//! worker executes it (`execute`). What is kept between calls is in the `run` folder of the user's data:
//! a lock for each slot, the folders of what is being executed, mirrors of git repositories, and, unless
//! `--store` names another, the artifacts.

pub mod brain;
pub mod execute;
pub mod interrupt;
pub mod place;
pub mod prepare;
