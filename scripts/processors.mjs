// The processors that the addon can be built for: Node's names, and Debian's packages of their compilers.
import { ensure } from './apt.mjs'
import { has } from './run.mjs'

/** What `npm pack` ships. */
export const shipped = ['x64', 'arm64']

/** Node's name of a processor: how its programs' names begin, and how Debian calls its compiler. */
const triples = {
  x64: ['x86_64-linux-gnu', 'x86-64-linux-gnu'],
  arm64: ['aarch64-linux-gnu', 'aarch64-linux-gnu'],
  riscv64: ['riscv64-linux-gnu', 'riscv64-linux-gnu'],
  ppc64: ['powerpc64le-linux-gnu', 'powerpc64le-linux-gnu'],
  s390x: ['s390x-linux-gnu', 's390x-linux-gnu'],
}

export const processors = Object.keys(triples)

/**
 * The programs that compile for a processor; installs them where that is possible.
 *
 * @returns undefined when they are missing
 */
export function toolchain(processor) {
  if (processor === process.arch) {
    const missing = ensure([['g++', 'g++', 'compiles the addon']])
    return missing.length === 0 ? { environment: {}, strip: 'strip' } : undefined
  }
  const [prefix, name] = triples[processor]
  const program = (suffix) => `${prefix}-${suffix}`
  ensure([[program('g++'), `g++-${name}`, `compiles the addon for ${processor}`]])
  if (!has(program('g++'))) return undefined
  return {
    environment: { CC: program('gcc'), CXX: program('g++'), LINK: program('g++'), AR: program('ar') },
    strip: program('strip'),
  }
}
