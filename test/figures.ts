// How much is tried, and where chance begins, as the environment says.

/** The big figures, for hours: `npm run test:long` sets GRAPHDRIVER_LONG. */
export const LONG: boolean = process.env['GRAPHDRIVER_LONG'] !== undefined

/** How many times as long everything takes here, on an emulated processor. */
export const SLOWNESS: number = Number(process.env['GRAPHDRIVER_SLOW'] ?? 1)

/** The seed of what is tried at random: a suite's usual one, or GRAPHDRIVER_SEED. */
export function seedOr(usual: number): number {
  return Number(process.env['GRAPHDRIVER_SEED'] ?? usual)
}
