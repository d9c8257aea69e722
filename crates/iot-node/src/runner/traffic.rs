//! What arrives for the node, and what it sends. A connection that fails is hung up.

use std::io;

use super::{Device, Runner, socket::Socket};
use crate::{Connection, tunnel::Step};

/// Most reads before others get their turn.
const READS_IN_A_ROW: usize = 16;

impl<D: Device> Runner<'_, D> {
    /// Gives the node what has arrived, as far as it has room.
    pub(super) fn read(&mut self, connection: Connection) {
        let mut buffer = [0; 1024];
        for _ in 0..READS_IN_A_ROW {
            let room = self.node.room(connection).min(buffer.len());
            let Some(socket) = self.socket(connection) else { return };
            socket.is_full = false;
            if socket.tunnel.is_some() {
                return self.read_records(connection);
            }
            let Some(free) = buffer.get_mut(..room).filter(|free| !free.is_empty()) else { return };
            match socket.stream.try_read(free) {
                Ok(0) => return self.hang_up(connection),
                Ok(len) => {
                    let now = self.now();
                    self.node.received(now, connection, buffer.get(..len).unwrap_or_default());
                    self.settle();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => return self.hang_up(connection),
            }
        }
    }

    fn read_records(&mut self, connection: Connection) {
        for _ in 0..READS_IN_A_ROW {
            let Some(socket) = self.socket(connection) else { return };
            match socket.read_records() {
                Ok(true) => self.settle(),
                Ok(false) => return,
                Err(_) => return self.hang_up(connection),
            }
        }
    }

    /// Gives the node what an encrypted connection has brought, as far as it has room; whether it had.
    pub(super) fn take_in(&mut self, connection: Connection) -> bool {
        let (now, room) = (self.now(), self.node.room(connection));
        let socket = match connection {
            Connection::Own => &mut self.own,
            Connection::Dialled => &mut self.dialled,
        };
        let Some(Socket { tunnel: Some(tunnel), prove_by, .. }) = socket else { return false };
        match tunnel.advance() {
            Ok(Step::Nothing) => false,
            Ok(Step::Opened) => {
                *prove_by = None;
                let number = tunnel.hub_key();
                self.hub_proven(number);
                self.ready_for_node(now, connection);
                true
            }
            Ok(Step::Text) => {
                let text = tunnel.text();
                let taken = self.node.received(now, connection, text.get(..room).unwrap_or(text));
                tunnel.took(taken);
                taken > 0
            }
            Err(_) => {
                self.hang_up(connection);
                true
            }
        }
    }

    /// Writes what waits; whether anything of the node went out.
    pub(super) fn write(&mut self, connection: Connection) -> bool {
        let mut wrote = false;
        loop {
            let now = self.now();
            let socket = match connection {
                Connection::Own => &mut self.own,
                Connection::Dialled => &mut self.dialled,
            };
            let Some(socket) = socket else { return wrote };
            // Also where the socket takes nothing: the session queues what is due, and so has no deadline
            // that stays over.
            let bytes = self.node.transmit(now, connection);
            if socket.is_full || (bytes.is_empty() && !socket.has_waiting()) {
                return wrote;
            }
            match socket.write(bytes) {
                Ok(0) => return wrote,
                Ok(len) => {
                    self.node.sent(now, connection, len);
                    wrote = true;
                }
                Err(_) => {
                    self.hang_up(connection);
                    return true;
                }
            }
        }
    }
}
