//! Steps of a client on its way to a tunnel, byte by byte.

/// Meaning of the next byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// First byte of the exchange.
    Begin,
    /// Byte of the request line of CONNECT.
    Line,
    /// Command, port or address of SOCKS 4, with the number of bytes left and whether the address is 0.0.0.x.
    Fixed4 { left: u8, is_4a: bool },
    /// Byte of the user id of SOCKS 4.
    User4 { is_4a: bool },
    /// Byte of the name of SOCKS 4a.
    Name4,
    /// Number of methods in the greeting of SOCKS 5.
    MethodCount,
    /// Byte of the methods.
    Methods { left: u8 },
    /// Version of a message that follows the greeting.
    Message { may_tell_user: bool },
    /// Length of the user's name, or of the password.
    SecretLength { is_password: bool },
    /// Byte of the user's name, or of the password.
    Secret { left: u8, is_password: bool },
    /// Command, reserved byte or type of address of a request of SOCKS 5.
    Head5 { at: u8 },
    /// Length of the name in a request.
    NameLength,
    /// Byte of address and port of a request.
    Address { left: u16 },
    /// Byte that is not known to be harmless; so are all after it.
    Hidden,
}

impl Step {
    /// Tells whether the byte may be shown, and the step after it.
    pub(super) fn take(self, byte: u8) -> (bool, Self) {
        let next = self.after(byte);
        let is_secret = matches!(self, Self::Hidden | Self::Secret { .. })
            || (matches!(self, Self::User4 { .. }) && byte != 0);
        let ends_in_order = matches!(
            self,
            Self::Line
                | Self::Name4
                | Self::Fixed4 { .. }
                | Self::Address { left: 1 }
                | Self::User4 { .. }
        );
        let is_known = ends_in_order || !matches!(next, Self::Hidden);
        (is_known && !is_secret, next)
    }

    fn after(self, byte: u8) -> Self {
        match self {
            Self::Begin => match byte {
                4 => Self::Fixed4 {
                    left: 7,
                    is_4a: true,
                },
                5 => Self::MethodCount,
                b'A'..=b'Z' => Self::Line,
                _ => Self::Hidden,
            },
            Self::Line if byte == b'\n' => Self::Hidden,
            Self::Line => Self::Line,
            Self::Fixed4 { left, is_4a } => fixed_4(left, is_4a, byte),
            Self::User4 { is_4a } => match (byte, is_4a) {
                (0, true) => Self::Name4,
                (0, false) => Self::Hidden,
                _ => self,
            },
            Self::Name4 if byte == 0 => Self::Hidden,
            Self::Name4 => Self::Name4,
            Self::MethodCount => methods(byte),
            Self::Methods { left } => methods(left - 1),
            Self::Message { may_tell_user } => match byte {
                5 => Self::Head5 { at: 1 },
                1 if may_tell_user => Self::SecretLength { is_password: false },
                _ => Self::Hidden,
            },
            Self::SecretLength { is_password } => secret(byte, is_password),
            Self::Secret { left, is_password } => secret(left - 1, is_password),
            Self::Head5 { at } => head_5(at, byte),
            Self::NameLength => Self::Address {
                left: u16::from(byte) + 2,
            },
            Self::Address { left: ..=1 } | Self::Hidden => Self::Hidden,
            Self::Address { left } => Self::Address { left: left - 1 },
        }
    }
}

/// Port and address of SOCKS 4: bytes 2 to 8, of which the last four tell whether a name follows the user.
fn fixed_4(left: u8, is_4a: bool, byte: u8) -> Step {
    let is_4a = match left {
        2..=4 => is_4a && byte == 0,
        1 => is_4a && byte != 0,
        _ => is_4a,
    };
    match left {
        ..=1 => Step::User4 { is_4a },
        _ => Step::Fixed4 {
            left: left - 1,
            is_4a,
        },
    }
}

fn methods(left: u8) -> Step {
    match left {
        0 => Step::Message {
            may_tell_user: true,
        },
        _ => Step::Methods { left },
    }
}

fn secret(left: u8, is_password: bool) -> Step {
    match (left, is_password) {
        (0, false) => Step::SecretLength { is_password: true },
        (0, true) => Step::Message {
            may_tell_user: false,
        },
        _ => Step::Secret { left, is_password },
    }
}

/// The request's command, a zero, and the type of its address.
fn head_5(at: u8, byte: u8) -> Step {
    match (at, byte) {
        (1, 1..=3) | (2, 0) => Step::Head5 { at: at + 1 },
        (3, 1) => Step::Address { left: 6 },
        (3, 3) => Step::NameLength,
        (3, 4) => Step::Address { left: 18 },
        _ => Step::Hidden,
    }
}
