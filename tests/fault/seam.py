#!/usr/bin/env python3
"""Checks that every call of a program that can fail goes through interpose.so, so that the tests can make it fail.

usage: seam.py INTERPOSE.SO PROGRAM… | --self-test

What a program or library imports is wrapped there, or is another library's, or is in the list below of what cannot
fail, or asks the kernel for nothing. A new import that is none of these is named, and the exit status is 1: wrap it
(tests/fault/interpose_*.c), or say here why it needs none.
"""
import subprocess
import sys

HARMLESS = {
    "memory and text": """bcmp memchr memcmp memcpy memmove memrchr memset qsort bsearch strcasecmp strncasecmp strchr strcmp strcpy strcspn
        strerror strlen strncmp strnlen strpbrk strrchr strsignal strspn strstr strtok_r strtol strtoll strtoul strtoull
        strtod stpcpy strerrordesc_np strerrorname_np tolower toupper inet_pton inet_ntop __ctype_b_loc __ctype_tolower_loc""",
    "users and groups by name: asked while a configuration is read and to explain, and made to fail by test_policy_names":
        "getpwnam_r getpwuid_r getgrnam_r getgrouplist",
    "text into memory of ours": "snprintf vsnprintf sprintf __snprintf_chk __vsnprintf_chk __sprintf_chk __isoc99_sscanf sscanf",
    "what asks for memory from malloc(3), which is wrapped": "asprintf vasprintf __asprintf_chk __vasprintf_chk strdup strndup getline getdelim",
    "fortified forms of them": """__memcpy_chk __memmove_chk __memset_chk __strcpy_chk __strncpy_chk __stpcpy_chk __strcat_chk
        __stack_chk_fail __explicit_bzero_chk""",
    "given back, whatever they say": "free closedir fclose munmap",
    "the standard streams, before there is anybody to serve": """fwrite fputs fputc putc putchar puts printf fprintf vfprintf fflush stdout stderr
        __printf_chk __fprintf_chk __vfprintf_chk __fputs_chk perror""",
    "streams of files that fopen(3) opened": "fgets fgetc getc ferror feof fileno fread fseek ftell rewind",
    "calls that cannot fail": """getpid getppid getuid geteuid getgid getegid getresuid getresgid umask raise sigaltstack clock_gettime time sched_yield nanosleep
        sigemptyset sigaddset sigfillset sigdelset sigismember getenv secure_getenv isatty sysconf mallopt malloc_trim
        malloc_usable_size dirfd getopt_long optarg optind opterr optopt environ abort exit _exit __assert_fail __assert
        gettimeofday localtime_r gmtime_r strftime""",
    "the language's own": """__errno_location __libc_start_main __cxa_finalize __gmon_start__ _ITM_deregisterTMCloneTable
        _ITM_registerTMCloneTable __tls_get_addr""",
}
# Theirs go through the same seam when they fail: they call libc as we do.
OTHERS = ("msgpack_", "sd_", "json_", "ini_", "seccomp_", "broker_")


def symbols(path, *options):
    output = subprocess.run(["nm", "-D", *options, path], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in output.splitlines() if line.strip()}


def passing_by(imports, wrapped):
    """Those of the imports that nothing is known of."""
    harmless = {name for names in HARMLESS.values() for name in names.split()}
    return sorted(name for name in imports
                  if name not in wrapped and name not in harmless and not name.startswith(OTHERS))


def self_test():
    cases = [
        (passing_by({"recvmsg", "strlen", "msgpack_pack"}, {"recvmsg"}), []),
        (passing_by({"recvmsg", "strlen"}, set()), ["recvmsg"]),
        (passing_by({"timerfd_create"}, {"recvmsg"}), ["timerfd_create"]),
    ]
    right = sum(found == wanted for found, wanted in cases)
    print(f"{right} of {len(cases)} cases right")
    return 0 if right == len(cases) else 1


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) < 2:
        sys.exit(__doc__)
    wrapped = symbols(arguments[0], "--defined-only")
    n_wrong = 0
    for program in arguments[1:]:
        imports = symbols(program, "--undefined-only")
        for name in passing_by(imports, wrapped):
            n_wrong += 1
            print(f"{program}: {name} passes by tests/fault/interpose_*.c")
        print(f"{program}: {len(imports & wrapped)} of {len(imports)} imports can be made to fail")
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
