import { invalidType } from '../sys/arguments.ts'
import { GraphDriverError } from '../sys/failure.ts'
import type { Driver, DriverFactory } from './driver.ts'

/** In the order in which `open` tries them. Our own are read from disk when the first store asks for them. */
const factories = new Map<string, () => Promise<DriverFactory>>([
  ['aufs', loadAufs],
  ['overlay', loadOverlay],
  ['vfs', loadVfs],
])

async function loadAufs(): Promise<DriverFactory> {
  const { AufsDriver } = await import('./aufs/index.ts')
  return (options) => new AufsDriver(options)
}

async function loadOverlay(): Promise<DriverFactory> {
  const { OverlayDriver } = await import('./overlay/index.ts')
  return (options) => new OverlayDriver(options)
}

async function loadVfs(): Promise<DriverFactory> {
  const { VfsDriver } = await import('./vfs/index.ts')
  return (options) => new VfsDriver(options)
}

/**
 * Makes a driver known by a name, after those that are there. Its options are the member of that name in the options of
 * `open`.
 *
 * @throws GraphDriverError ERR_DRIVER_EXISTS for a name that is taken.
 */
export function register(name: string, factory: DriverFactory): void {
  if (typeof name !== 'string' || name === '') throw invalidType('name', 'a string that is not empty', name)
  if (typeof factory !== 'function') throw invalidType('factory', 'of type function', factory)
  if (factories.has(name))
    throw new GraphDriverError('ERR_DRIVER_EXISTS', `there is a driver "${name}" already`)
  factories.set(name, () => Promise.resolve(factory))
}

/** The names of the drivers, in order of preference. */
export function drivers(): string[] {
  return [...factories.keys()]
}

/** @throws GraphDriverError ERR_DRIVER_UNKNOWN */
export function checkKnown(name: string): void {
  if (!factories.has(name)) throw unknown(name)
}

/**
 * A driver of this name, with its options.
 *
 * @throws GraphDriverError ERR_DRIVER_UNKNOWN; what the factory throws.
 */
export async function makeDriver(name: string, options: unknown): Promise<Driver> {
  const load = factories.get(name)
  if (load === undefined) throw unknown(name)
  return (await load())(options)
}

function unknown(name: string): GraphDriverError {
  return new GraphDriverError(
    'ERR_DRIVER_UNKNOWN',
    `there is no driver "${name}"; there are ${drivers().join(', ')}`,
  )
}
