import { checkKnown } from '../../drivers/registry.ts'
import { convert as convertStore } from '../../index.ts'
import { checkStamp, Layout, locateRoot, readAnyStamp } from '../../store/index.ts'
import { count } from '../format.ts'
import type { Verb } from '../verb.ts'

export const convert: Verb = {
  name: 'convert',
  summary: 'turn a store of aufs into one of overlay, or back',
  details: [
    'Nobody may use the store meanwhile. What was interrupted is finished by the same command, or taken back by naming the other driver. --driver names the one that the store has now. An old Docker root with aufs layers is such a store, too.',
  ],
  options: [
    { flags: '--to <driver>', summary: 'what it becomes', choices: ['overlay', 'aufs'], required: true },
  ],
  shape: '{ from, to, layers, whiteouts, opaque, dropped }',
  interrupted: 'the same command goes on from there',
  async run(input, context) {
    const to = input.maybe('to') === 'aufs' ? 'aufs' : 'overlay'
    if (context.driver !== undefined) await refuseOther(context.root, context.driver)
    const data = await context.watched('convert', (update) =>
      convertStore(context.root, {
        to,
        signal: context.signal,
        ...(update && {
          onProgress: ({ layers, of }) =>
            update({ done: layers, of, words: count(layers, 'layer'), unit: 'layers' }),
        }),
      }),
    )
    const { from, layers, whiteouts, opaque } = data
    const said = `${count(layers, 'layer')} from ${from} to ${to}: ${count(whiteouts, 'whiteout')}, ${count(opaque, 'opaque directory', 'opaque directories')}`
    return { data, text: () => said }
  },
}

/** As for every verb, --driver is the driver that the store has. One that is half-way has two. */
async function refuseOther(wanted: string, driver: string): Promise<void> {
  checkKnown(driver)
  const { root } = await locateRoot(wanted)
  const layout = new Layout(root)
  const stamp = await readAnyStamp(layout)
  if (stamp === undefined || (stamp.state === 'converting' && stamp.to === driver)) return
  checkStamp(layout, stamp, { driver, xattrs: stamp.xattrs })
}
