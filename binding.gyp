{
  # One binary a processor, for glibc and musl alike: it links no libc and no libstdc++, so that its symbols carry
  # no versions and the C library of the process that loads it answers them.
  'targets': [
    {
      'target_name': 'graphdriver',
      'sources': ['<!@(node -p "fs.readdirSync(\'native\').filter(f => f.endsWith(\'.cc\')).map(f => \'native/\' + f).sort().join(\' \')")'],
      'defines': [
        'NAPI_VERSION=8',
        'NAPI_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'cflags': [
        '-O2', '-Wall', '-Wextra', '-Wpedantic', '-Werror',
        '-fPIC', '-fvisibility=hidden', '-ffunction-sections', '-fdata-sections',
        # Distributions switch these on by default; their helper functions are not in every C library.
        '-U_FORTIFY_SOURCE', '-fno-stack-protector',
        # The same bytes wherever it is built, whoever uses __FILE__ (node-addon-api does, in some of its messages).
        '-ffile-prefix-map=<(module_root_dir)=.',
        '-ffile-prefix-map=<!(node -p "path.dirname(require.resolve(\'node-addon-api\'))")=node-addon-api',
      ],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-O3'],
      'cflags!': ['-O3'],
      'cflags_cc': [
        '-std=c++17', '-fno-exceptions', '-fno-rtti', '-fno-threadsafe-statics',
        '-isystem', '<!(node -p "path.dirname(require.resolve(\'node-addon-api\'))")',
      ],
      'ldflags': [
        '-nostdlib', '-Wl,--gc-sections', '-Wl,--exclude-libs,ALL', '-Wl,-z,nodelete', '-Wl,-z,relro',
        '-Wl,-z,now', '-Wl,-z,noexecstack', '-Wl,--build-id=none',
      ],
      'libraries': ['-lgcc'],
      'conditions': [
        # Else its atomic operations ask the C library, by a function of glibc's own, which of two ways to go.
        ['target_arch=="arm64"', { 'cflags': ['-mno-outline-atomics'] }],
      ],
    },
  ],
}
