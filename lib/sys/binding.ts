import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

import { GraphDriverError } from './failure.ts'
import type { Native } from './native.ts'

/** What the loader asks of the machine that it runs on. */
export interface Host {
  readonly platform: string
  readonly arch: string
  /** The value of GRAPHDRIVER_NATIVE, if it is set. */
  readonly override: string | undefined
  /** The package's root directory, with a slash at its end. */
  readonly root: string
  readonly require: (path: string) => unknown
}

let loaded: Native | undefined

/** The files that hold the addon, in the order in which they are tried. */
export function candidates(host: Host): string[] {
  // Whoever names a file wants that one (a sanitizer build, say): to load another in its place would hide a mistake.
  if (host.override) return [host.override]
  return [
    `${host.root}prebuilds/${host.platform}-${host.arch}/graphdriver.node`,
    `${host.root}build/Release/graphdriver.node`,
  ]
}

/**
 * Loads the addon.
 *
 * @throws GraphDriverError ERR_UNSUPPORTED_PLATFORM where the system is no Linux; ERR_ADDON_NOT_LOADED with the
 * error of every attempt.
 */
export function loadAddon(host: Host): Native {
  if (host.platform !== 'linux') {
    throw new GraphDriverError(
      'ERR_UNSUPPORTED_PLATFORM',
      `Mounts need Linux, and this is ${host.platform}: no system call can be made here.`,
    )
  }
  const errors: Error[] = []
  for (const path of candidates(host)) {
    try {
      return host.require(path) as Native
    } catch (error) {
      errors.push(new Error(`${path}: ${firstLine(error)}`, { cause: error }))
    }
  }
  const attempts = errors.map((error) => `  ${error.message}`).join('\n')
  throw new GraphDriverError(
    'ERR_ADDON_NOT_LOADED',
    `The addon for linux-${host.arch} could not be loaded. Tried:\n${attempts}\n` +
      `In a checkout, \`npm run build\` builds it.`,
    { cause: new AggregateError(errors, 'every attempt to load the addon failed') },
  )
}

/** The addon, loaded at the first call. */
export function binding(): Native {
  return (loaded ??= loadAddon(thisHost()))
}

/** Puts a double in the addon's place (tests), or with undefined makes the next call load it again. */
export function setBinding(native: Native | undefined): void {
  loaded = native
}

function thisHost(): Host {
  return {
    platform: process.platform,
    arch: process.arch,
    override: process.env['GRAPHDRIVER_NATIVE'],
    root: fileURLToPath(new URL('../../', import.meta.url)),
    require: createRequire(import.meta.url),
  }
}

/** Node adds the "Require stack" of a missing module, which says nothing here. */
function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
}
