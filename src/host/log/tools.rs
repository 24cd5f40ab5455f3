//! Programs that show the kernel's errors: shells, databases, package managers, virtual machines.
//!
//! A table.

use super::Message as M;
use super::matcher::{Pattern, says};

#[rustfmt::skip]
pub(super) static PATTERNS: &[Pattern] = &[
    // Errors as programs show them, glibc's translations included.
    says(M::DeviceReadFailed, &["read failed after 0 of"]), // LVM's scan
    says(M::DeviceGone, &["No such device or address"]), // ENXIO
    says(M::IoError, &["input/output error"]), // EIO
    says(M::IoError, &["entrée/sortie"]), // French
    says(M::IoError, &["Eingabe-/Ausgabefehler"]), // German
    says(M::IoError, &["Error de entrada/salida"]), // Spanish
    says(M::IoError, &["Errore di input/output"]), // Italian
    says(M::IoError, &["Erro de entrada/saída"]), // Portuguese
    says(M::IoError, &["Ошибка ввода/вывода"]), // Russian
    says(M::IoError, &["输入/输出错误"]), // Chinese
    says(M::IoError, &["入力/出力エラー"]), // Japanese
    says(M::InodesUsedUp, &["inodes 100%"]), // people's own words
    says(M::InodesUsedUp, &["out of inodes"]), // the same, ext4 in some versions
    says(M::InodesUsedUp, &["no free inodes"]), // the same
    // Virtual machines.
    says(M::VmIoError, &["status: io-error"]), // qm status, QMP
    // Package managers, as a build inside a container runs them.
    says(M::PackageNeedsSpace, &["more space needed on the", "filesystem"]), // rpm, yum and dnf
    says(M::PackageNeedsSpace, &["You don't have enough free space in"]), // apt
    // Files.
    says(M::DeletedFileOpen, &[" (deleted)"]), // lsof, losetup, /proc
];
