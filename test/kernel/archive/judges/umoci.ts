import { join } from 'node:path'
import { expectRun } from './tools.ts'

/**
 * Has umoci make an image of these layers, the lowest first, and unpack it.
 *
 * @param directory is to be empty; answers where in it the tree lies.
 */
export function umociUnpack(directory: string, layers: readonly string[]): string {
  const layout = join(directory, 'layout')
  const image = `${layout}:test`
  const umoci = (...args: string[]): Buffer => expectRun('umoci', args, { env: { HOME: directory } })
  umoci('init', '--layout', layout)
  umoci('new', '--image', image)
  for (const layer of layers) umoci('raw', 'add-layer', '--image', image, layer)
  const bundle = join(directory, 'bundle')
  umoci('unpack', '--image', image, bundle)
  return join(bundle, 'rootfs')
}
