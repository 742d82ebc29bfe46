import { requireSettings } from '../settings/config.ts';
import type { CommandResult, Context } from './context.ts';
import { planImage, planLocalImage } from '../plan/image.ts';
import { taskPlatforms } from '../plan/platform.ts';
import { produceImage } from '../image/produce.ts';
import { connectAws } from '../aws/optional.ts';

/** Builds the image, or takes one that the daemon has, proves and pushes it; prints its reference. */
export async function push(context: Context): Promise<CommandResult> {
  requireSettings(context.config, ['repository']);
  const aws = await connectAws(context);
  const { image: local } = context.config;
  const tasks = taskPlatforms(context, aws);
  const plan = await (local === undefined
    ? planImage(context, aws, tasks)
    : planLocalImage(context, aws, local, tasks));
  const { image, seconds } = await produceImage(context, aws, plan);
  return {
    outcome: image.pushed ? 'succeeded' : 'unchanged',
    image,
    services: [],
    seconds,
    output: image.reference,
  };
}
