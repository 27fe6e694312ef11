import { forEachLayer } from '../each.ts'
import { mountPointsOf } from '../mounted.ts'
import type { GraphDriver } from '../../index.ts'
import { GraphDriverError } from '../../index.ts'
import type { Verb } from '../verb.ts'

export const umount: Verb = {
  name: 'umount',
  summary: 'take the mounts of layers away',
  details: [
    'Refused while another process holds the layer, and while somebody works in the mount. For a layer that is not mounted there is nothing to do, which is no failure.',
    'What cannot be unmounted is told of, and the others are unmounted all the same; the exit code is 1 then.',
  ],
  arguments: [{ name: '<ids...>', summary: 'the layers', kind: 'layer' }],
  options: [
    { flags: '--detach', summary: 'take it out of sight at once, though somebody still uses it' },
    { flags: '-R, --recursive', summary: 'unmount what is mounted below first' },
  ],
  shape:
    '{ unmounted: string[], notMounted: string[] }, and on the standard error an error for each of the others',
  async run(input, context) {
    const data = { unmounted: [] as string[], notMounted: [] as string[] }
    const how = { detach: input.on('detach'), recursive: input.on('recursive') }
    await using driver = await context.open()
    const failures = await forEachLayer(input.words('ids'), context.signal, async (id) => {
      const mounted = (await mountPointsOf(driver.root, id)).length > 0
      if (!mounted) await requireLayer(driver, id)
      else await driver.put(id, { ...how, signal: context.signal })
      data[mounted ? 'unmounted' : 'notMounted'].push(id)
    })
    if (!context.json && failures.length > 0 && data.unmounted.length > 0)
      context.note(`unmounted: ${data.unmounted.join(' ')}`)
    for (const id of data.notMounted) context.note(`${id} was not mounted`)
    return { data, text: () => '', failures }
  },
}

async function requireLayer(driver: GraphDriver, id: string): Promise<void> {
  if (await driver.exists(id)) return
  throw new GraphDriverError('ERR_LAYER_NOT_FOUND', `there is no layer "${id}" in ${driver.root}`, { id })
}
