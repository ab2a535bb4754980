#ifndef BASE_ATTRS_H
#define BASE_ATTRS_H

/* The only place that spells compiler attributes. */
#define A_MUST_USE __attribute__((warn_unused_result))
#define A_UNUSED __attribute__((unused))
#define A_NORETURN __attribute__((noreturn))
/* Instructions a function may use; its caller asks the processor first. */
#define A_TARGET(t) __attribute__((target(t)))
#define A_FALLTHROUGH __attribute__((fallthrough))
#define A_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define A_NONNULL(...) __attribute__((nonnull(__VA_ARGS__)))

#endif
