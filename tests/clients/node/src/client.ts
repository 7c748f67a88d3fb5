// What the Node tests share: the address and the keys that the driver passes on, and promises around the generated
// clients.

import { randomUUID } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
import {
  CustomerServiceClient,
  IngestBatchResponse,
  IngestMessage,
  IngestResult,
  IngestServiceClient,
  ListTimelineResponse,
} from "../generated/elate/events/v1/events";
import { EventType } from "../generated/elate/events/v1/record";

export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run tests/clients/run.sh`);
  return value;
}

export const address = setting("ELATE_ADDRESS");
export const apiKey = setting("ELATE_API_KEY");
export const writeKey = setting("ELATE_WRITE_KEY");
export const insecure = grpc.credentials.createInsecure();

export const ingest = new IngestServiceClient(address, insecure);
export const customers = new CustomerServiceClient(address, insecure);

/** The credential as call metadata. */
export function bearer(key: string): grpc.Metadata {
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${key}`);
  return metadata;
}

export const unique = (stem: string): string => `${stem}-${randomUUID()}`;

export function track(userId: string, name: string, messageId: string): IngestMessage {
  const properties = Buffer.from(JSON.stringify({ name }));
  return IngestMessage.fromPartial({ type: EventType.EVENT_TYPE_TRACK, userId, name, messageId, properties });
}

/** A unary call of a generated client as a promise. */
export function unary<Response>(
  start: (done: (error: grpc.ServiceError | null, response: Response) => void) => grpc.ClientUnaryCall,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    start((error, response) => (error ? reject(error) : resolve(response)));
  });
}

/** Appends messages with a key, and gives what became of each. */
export async function ingestBatch(messages: IngestMessage[], key: string): Promise<IngestResult[]> {
  const answer = await unary<IngestBatchResponse>((done) =>
    ingest.ingestBatch({ messages, importId: "" }, bearer(key), done),
  );
  return answer.results;
}

/** The names of all events of a user that came from outside, oldest first, by way of small pages. */
export async function namesOnTimeline(userId: string): Promise<string[]> {
  const names: string[] = [];
  let pageToken = "";
  do {
    const request = { customer: { userId }, page: { pageSize: 3, pageToken }, oldestFirst: true, names: [] };
    const answer = await unary<ListTimelineResponse>((done) =>
      customers.listTimeline(request, bearer(apiKey), done),
    );
    for (const entry of answer.entries) {
      if (entry.record && entry.record.type !== EventType.EVENT_TYPE_SYSTEM) names.push(entry.record.name);
    }
    pageToken = answer.page?.nextPageToken ?? "";
  } while (pageToken);
  return names;
}
