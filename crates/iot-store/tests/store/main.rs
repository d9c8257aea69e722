//! What every store must do, on each of them; and what only a file can: outlive its process, power cuts
//! between commits, and being opened when it should not be.

#[cfg(test)]
mod care;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod file;
#[cfg(test)]
mod given;
#[cfg(test)]
mod people;
#[cfg(test)]
mod restoring;
#[cfg(test)]
mod subject;
