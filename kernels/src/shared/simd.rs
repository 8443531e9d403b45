//! Run-time choice of the instruction set.
//!
//! A default build targets SSE2. [`vectorised`] compiles a function once more for AVX2 and for
//! AVX-512, and picks by what the machine has. The bodies are plain loops over 16 lanes without
//! fused multiply-add, so every level computes the same bits.

/// Defines a function that is compiled for every instruction set and dispatched at run time.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "kernels take their sizes as scalars")]
        $vis fn $name($($arg: $type),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments, reason = "as the outer function")]
            fn body($($arg: $type),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                #[allow(clippy::too_many_arguments, reason = "as the outer function")]
                fn avx512($($arg: $type),*) $(-> $ret)? {
                    body($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments, reason = "as the outer function")]
                fn avx2($($arg: $type),*) $(-> $ret)? {
                    body($($arg),*)
                }
                #[allow(unsafe_code)]
                match limbeck_engine::instruction_set() {
                    // SAFETY: `instruction_set` never returns a level that the processor lacks.
                    limbeck_engine::InstructionSet::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    limbeck_engine::InstructionSet::Avx2 => return unsafe { avx2($($arg),*) },
                    limbeck_engine::InstructionSet::Portable => {}
                }
            }
            body($($arg),*)
        }
    };
}
pub(crate) use vectorised;
