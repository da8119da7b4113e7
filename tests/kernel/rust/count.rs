//! A program as aya's users write it, down to what rustc needs where there is no `core`: a map in the section
//! `maps`, helpers called by their number. aya's linker does what the second command does:
//!
//!     RUSTC_BOOTSTRAP=1 rustc -C opt-level=3 -C debuginfo=2 -C panic=abort --target bpfel-unknown-none \
//!         --remap-path-prefix $PWD= --emit=obj=count.bc count.rs
//!     llc -march=bpfel -mcpu=v2 -filetype=obj count.bc -o count.bpfel && llvm-strip -g count.bpfel
//!
//! and the same with bpfeb. Made with rustc 1.95 and LLVM 22.
#![feature(no_core, lang_items, intrinsics, rustc_attrs, auto_traits)]
#![allow(internal_features)]
#![no_core]
#![crate_type = "lib"]

#[lang = "pointee_sized"]
pub trait PointeeSized {}
#[lang = "meta_sized"]
pub trait MetaSized: PointeeSized {}
#[lang = "sized"]
pub trait Sized: MetaSized {}
#[lang = "destruct"]
pub trait Destruct {}
#[lang = "copy"]
pub trait Copy {}
impl Copy for u8 {}
impl Copy for u32 {}
impl Copy for u64 {}
impl Copy for usize {}
#[lang = "sync"]
pub unsafe auto trait Sync {}
#[lang = "freeze"]
unsafe auto trait Freeze {}
#[lang = "drop_in_place"]
unsafe fn drop_in_place<T: PointeeSized>(_: *mut T) {}
#[rustc_intrinsic]
pub const unsafe fn transmute<A, B>(a: A) -> B;

#[repr(C)]
pub struct MapDefinition {
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
    id: u32,
    pinning: u32,
}

#[link_section = "maps"]
#[no_mangle]
pub static COUNTS: MapDefinition =
    MapDefinition { kind: 2, key_size: 4, value_size: 8, max_entries: 2, flags: 0, id: 0, pinning: 0 };

#[link_section = "license"]
#[no_mangle]
pub static LICENSE: [u8; 4] = [71, 80, 76, 0];

#[no_mangle]
#[link_section = "raw_tracepoint/sys_enter"]
pub unsafe extern "C" fn count(_context: *mut u64) -> i32 {
    let update: unsafe extern "C" fn(*const MapDefinition, *const u32, *const u64, u64) -> i32 = transmute(2usize);
    let key = 1u32;
    let value = 7u64;
    update(&COUNTS, &key, &value, 0);
    0
}
