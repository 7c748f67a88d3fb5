-- Each service has a database of its own; none reads another's.
CREATE DATABASE elate_events;
CREATE DATABASE elate_journeys;
CREATE DATABASE elate_scoring;
CREATE DATABASE elate_notifications;
