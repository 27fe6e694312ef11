import { GraphDriverError } from '../sys/index.ts'
import { invalidType } from '../sys/arguments.ts'
import { AufsDriver } from './aufs/index.ts'
import type { DriverFactory } from './driver.ts'
import { OverlayDriver } from './overlay/index.ts'
import { VfsDriver } from './vfs/index.ts'

/** In the order in which `open` tries them. */
const factories = new Map<string, DriverFactory>([
  ['aufs', (options) => new AufsDriver(options)],
  ['overlay', (options) => new OverlayDriver(options)],
  ['vfs', (options) => new VfsDriver(options)],
])

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
  factories.set(name, factory)
}

/** The names of the drivers, in order of preference. */
export function drivers(): string[] {
  return [...factories.keys()]
}

/**
 * The factory of a driver.
 *
 * @throws GraphDriverError ERR_DRIVER_UNKNOWN
 */
export function factoryOf(name: string): DriverFactory {
  const factory = factories.get(name)
  if (factory !== undefined) return factory
  throw new GraphDriverError(
    'ERR_DRIVER_UNKNOWN',
    `there is no driver "${name}"; there are ${drivers().join(', ')}`,
  )
}
